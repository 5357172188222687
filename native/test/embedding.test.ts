/** Embedding and embedding bag: states, arguments, and a training that touches only its rows. */
import { describe, expect, it } from 'vitest';
import type { EmbeddingTable, LayerLifeState } from '../index.js';
import { errorOf, expectArgumentErrors } from './expect-error.js';
import { randomFloats } from './fixtures.js';
import { loadAddon } from './load-addon.js';

// biome-ignore lint/suspicious/noExplicitAny: these tests pass what the types forbid
type Anything = any;
const addon = loadAddon();
const any = addon as Anything;
const shape = { numEmbeddings: 7, embeddingDim: 5 };
const table = randomFloats(35, 3);
const ids = Int32Array.of(6, 0, 6, 2);
const offsets = Int32Array.of(0, 3);
const nan = Number.NaN;

interface Table extends EmbeddingTable {
  look(): Float32Array;
  readonly rows: number;
}

const kinds = ['embedding', 'binary embedding', 'bag', 'binary bag'] as const;
function create(kind: (typeof kinds)[number]): Table {
  const wBit = kind.startsWith('binary') ? 1 : 4;
  if (kind.endsWith('bag')) {
    const mode = wBit === 1 ? 'vote' : 'mean';
    const bag = addon.createEmbeddingBag({ ...shape, wBit, mode });
    return Object.assign(bag, { look: () => bag.forward(ids, offsets), rows: 2 });
  }
  const embedding = addon.createEmbedding({ ...shape, wBit });
  return Object.assign(embedding, { look: () => embedding.forward(ids), rows: 4 });
}

function tableIn(kind: (typeof kinds)[number], state: LayerLifeState): Table {
  const layer = create(kind);
  if (state === 'created') return layer;
  layer.setWeightData(table);
  if (state === 'weight') return layer;
  layer.prepareParams();
  if (state === 'prepared') return layer;
  layer.generateQuantizedWeight({ qweightOnly: state === 'packedOnly' });
  return layer;
}

function packed(layer: Table) {
  layer.eval();
  const shown = layer.optWeight();
  if (shown.kind !== 'packed') throw new Error('a layer in inference shows its packed table');
  return shown.qweight;
}

const noChange = { rows: Int32Array.of(1), weight: new Float32Array(5) };
const calls: Record<string, (layer: Table, kind: (typeof kinds)[number]) => unknown> = {
  resetParameters: (layer) => layer.resetParameters(1),
  setWeightData: (layer) => layer.setWeightData(table),
  prepareParams: (layer) => layer.prepareParams(),
  generateQuantizedWeight: (layer) => layer.generateQuantizedWeight(),
  'generateQuantizedWeight(qweightOnly)': (layer) => layer.generateQuantizedWeight({ qweightOnly: true }),
  setQuantizedWeightData: (layer, kind) => layer.setQuantizedWeightData(packed(tableIn(kind, 'quantized'))),
  optWeight: (layer) => layer.optWeight(),
  scales: (layer) => layer.scales(),
  setScales: (layer) => layer.setScales(new Float32Array(7).fill(0.1)),
  update: (layer) => layer.update(noChange),
  train: (layer) => layer.train(),
  eval: (layer) => layer.eval(),
  forward: (layer) => layer.look(),
  'eval and forward': (layer) => {
    layer.eval();
    return layer.look();
  },
  backward: (layer) => layer.backward(new Float32Array(layer.rows * 5)),
};

const states = ['created', 'weight', 'prepared', 'quantized', 'packedOnly'] as const;
/** Columns as in `states`. */
const expected: Record<string, readonly (LayerLifeState | 'refused')[]> = {
  resetParameters: ['weight', 'weight', 'weight', 'weight', 'weight'],
  setWeightData: ['weight', 'weight', 'weight', 'weight', 'weight'],
  prepareParams: ['refused', 'prepared', 'prepared', 'prepared', 'packedOnly'],
  generateQuantizedWeight: ['refused', 'refused', 'quantized', 'quantized', 'refused'],
  'generateQuantizedWeight(qweightOnly)': ['refused', 'refused', 'packedOnly', 'packedOnly', 'refused'],
  setQuantizedWeightData: ['packedOnly', 'packedOnly', 'packedOnly', 'packedOnly', 'packedOnly'],
  optWeight: ['refused', 'weight', 'prepared', 'quantized', 'packedOnly'],
  scales: ['refused', 'refused', 'prepared', 'quantized', 'packedOnly'],
  setScales: ['refused', 'prepared', 'prepared', 'prepared', 'packedOnly'],
  update: ['refused', 'refused', 'prepared', 'prepared', 'refused'],
  train: ['created', 'weight', 'prepared', 'quantized', 'quantized'],
  eval: ['created', 'weight', 'prepared', 'quantized', 'packedOnly'],
  forward: ['refused', 'refused', 'prepared', 'quantized', 'packedOnly'],
  'eval and forward': ['refused', 'refused', 'quantized', 'quantized', 'packedOnly'],
  backward: ['refused', 'refused', 'refused', 'refused', 'refused'],
};

describe.each(kinds)('%s', (kind) => {
  it.each(Object.keys(calls))('%s', (name) => {
    for (const [i, state] of states.entries()) {
      const layer = tableIn(kind, state);
      const outcome = expected[name]?.[i];
      if (outcome === 'refused') {
        const error = errorOf(() => calls[name]?.(layer, kind));
        expect(error.code, `${name} in ${state}`).toBe('E-LAYER-STATE');
        expect(error.message).toContain(`"${state}"`);
        expect(layer.state, `a refused ${name} changes nothing`).toBe(state);
      } else {
        calls[name]?.(layer, kind);
        expect(layer.state, `${name} in ${state}`).toBe(outcome);
      }
      layer.dispose();
    }
  });

  it('gives the gradient of the touched rows, and trains only them', () => {
    const layer = tableIn(kind, 'prepared');
    layer.look();
    const dy = randomFloats(layer.rows * 5, 4);
    const gradient = layer.backward(dy);
    expect([...gradient.rows]).toEqual([0, 2, 6]);
    expect(gradient.dWeight).toHaveLength(15);
    expect(gradient.dScales).toHaveLength(kind === 'binary bag' ? 0 : 3);
    const before = layer.optWeight();
    layer.update({ rows: gradient.rows, weight: gradient.dWeight.map((value) => -value) });
    expect(errorOf(() => layer.backward(dy)).message).toContain('since the forward');
    const after = layer.optWeight();
    if (before.kind !== 'float' || after.kind !== 'float') throw new Error('in training');
    for (const [i, value] of before.weight.entries()) {
      const row = Math.floor(i / 5);
      const slot = [0, 2, 6].indexOf(row);
      const change = slot < 0 ? 0 : (gradient.dWeight[slot * 5 + (i % 5)] ?? nan);
      const updated = Math.fround(value - change);
      // A sign's latent weight stays where it has a gradient.
      expect(after.weight[i]).toBe(kind.startsWith('binary') ? Math.min(1, Math.max(-1, updated)) : updated);
    }
  });

  it('takes the packed table of another one and is the same in training and in inference', () => {
    const source = tableIn(kind, 'prepared');
    const trained = source.look();
    const given = packed(source);
    expect(source.look()).toEqual(trained);
    const target = create(kind);
    target.setQuantizedWeightData(given);
    expect(target.look()).toEqual(trained);
    target.train();
    expect(target.look()).toEqual(trained);
    expect(packed(target)).toEqual(given);
  });

  it('has the table for itself during a job, and can be disposed meanwhile', async () => {
    const layer = tableIn(kind, 'weight');
    const job = layer.prepareParamsAsync();
    expect(errorOf(() => layer.state).code).toBe('E-LAYER-STATE');
    await job;
    const cancel = addon.createCancelToken();
    cancel.cancel();
    await expect(layer.generateQuantizedWeightAsync({}, cancel)).rejects.toMatchObject({
      code: 'E-CANCELLED',
    });
    expect(layer.state).toBe('prepared');
    const last = layer.generateQuantizedWeightAsync();
    layer.dispose();
    await last;
    expect(errorOf(() => layer.state).message).toContain('was disposed');
    expect(errorOf(() => layer.numEmbeddings).message).toContain('was disposed');
  });
});

describe('arguments', () => {
  it('of createEmbedding and createEmbeddingBag', () => {
    expectArgumentErrors({
      nothing: () => any.createEmbedding(),
      'no rows': () => addon.createEmbedding({ ...shape, numEmbeddings: 0 }),
      'half a column': () => addon.createEmbedding({ ...shape, embeddingDim: 0.5 }),
      '9 bits': () => addon.createEmbedding({ ...shape, wBit: 9 }),
      'float bits': () => addon.createEmbedding({ ...shape, wBit: 32 }),
      'padding outside': () => addon.createEmbedding({ ...shape, paddingIdx: 7 }),
      'padding below 0': () => addon.createEmbedding({ ...shape, paddingIdx: -1 }),
      'a grid': () => any.createEmbedding({ ...shape, weight: { grid: 'odd' } }),
      'a mode': () => any.createEmbeddingBag({ ...shape, mode: 'max' }),
    });
    for (const huge of [2 ** 29, 2 ** 30]) {
      const error = errorOf(() => addon.createEmbedding({ numEmbeddings: huge, embeddingDim: huge }));
      expect(['E-OUT-OF-MEMORY', 'E-NATIVE-ARGUMENT']).toContain(error.code);
    }
    expect(errorOf(() => addon.createEmbeddingBag({ ...shape, mode: 'vote' })).code).toBe(
      'E-QUANTIZER-INVALID',
    );
    expect(errorOf(() => addon.createEmbedding({ ...shape, wBit: 1, weight: { grid: 'signed' } })).code).toBe(
      'E-QUANTIZER-INVALID',
    );
    expect(addon.createEmbeddingBag(shape).mode).toBe('mean');
    expect(addon.createEmbedding({ ...shape, paddingIdx: null }).wBit).toBe(4);
  });

  it('of the calls', () => {
    const layer = addon.createEmbedding(shape);
    const bag = addon.createEmbeddingBag(shape);
    const loose = layer as Anything;
    for (const one of [layer, bag]) {
      one.setWeightData(table);
      one.prepareParams();
    }
    const weight = new Float32Array(5);
    expectArgumentErrors({
      'ids as an array': () => loose.forward([1]),
      'an id too large': () => layer.forward(Int32Array.of(0, 7)),
      'an id below 0': () => layer.forward(Int32Array.of(-1)),
      'no offsets': () => (bag as Anything).forward(ids),
      'offsets that begin late': () => bag.forward(ids, Int32Array.of(1)),
      'offsets that fall': () => bag.forward(ids, Int32Array.of(0, 3, 2)),
      'offsets beyond the ids': () => bag.forward(ids, Int32Array.of(0, 5)),
      'a scale of 0': () => layer.setScales(new Float32Array(7)),
      'too few scales': () => layer.setScales(new Float32Array(6).fill(1)),
      'no update': () => loose.update(),
      'rows as an array': () => loose.update({ rows: [1], weight }),
      'a row outside': () => layer.update({ rows: Int32Array.of(7), weight }),
      'a row twice': () => layer.update({ rows: Int32Array.of(1, 1), weight: new Float32Array(10) }),
      'too few values': () => layer.update({ rows: Int32Array.of(1, 2), weight }),
      'a value of NaN': () => layer.update({ rows: Int32Array.of(1), weight: weight.map(() => nan) }),
      'too many scales': () => layer.update({ ...noChange, scales: new Float32Array(2) }),
    });
    expect(errorOf(() => layer.setWeightData(weight)).code).toBe('E-WEIGHT-SHAPE');
    expect(errorOf(() => layer.setWeightData(new Float32Array(35).fill(nan))).code).toBe(
      'E-WEIGHT-NOT-FINITE',
    );
    expect(layer.forward(new Int32Array(0))).toHaveLength(0);
    layer.forward(ids);
    expectArgumentErrors({
      'a gradient of another batch': () => layer.backward(weight),
      'a gradient with NaN': () => layer.backward(new Float32Array(20).fill(nan)),
    });
    const granular = addon.createLinear({ inChannels: 5, outChannels: 7, weight: { granularity: 'tensor' } });
    granular.setWeightData(table);
    granular.prepareParams();
    granular.eval();
    const shown = granular.optWeight();
    if (shown.kind !== 'packed') throw new Error('inference shows the packed weight');
    expect(errorOf(() => layer.setQuantizedWeightData(shown.qweight)).code).toBe('E-QUANTIZER-INVALID');
  });

  it('padding is zeros in a lookup and nothing in a bag', () => {
    const layer = addon.createEmbedding({ ...shape, paddingIdx: 6 });
    const bag = addon.createEmbeddingBag({ ...shape, paddingIdx: 6, mode: 'mean' });
    for (const one of [layer, bag]) {
      one.setWeightData(table);
      one.prepareParams();
    }
    const rows = layer.forward(ids);
    expect([...rows.slice(0, 5)]).toEqual([0, 0, 0, 0, 0]);
    expect([...layer.backward(rows).rows]).toEqual([0, 2]);
    expect(bag.forward(ids, offsets).slice(0, 5)).toEqual(rows.slice(5, 10));
    expect([...bag.forward(Int32Array.of(6), Int32Array.of(0))]).toEqual([0, 0, 0, 0, 0]);
  });
});
