/** Training on a packed weight: a method that would give the dequantized weight other codes refuses to. */
import { describe, expect, it } from 'vitest';
import type { NativeQuantizer, NBitLayer, NetworkNode, QuantizedWeight } from '../index.js';
import { errorOf, type TypedError } from './expect-error.js';
import { quantizer, randomFloats } from './fixtures.js';
import { loadAddon } from './load-addon.js';

const addon = loadAddon();
const inChannels = 24;
const outChannels = 6;
const weight = randomFloats(inChannels * outChannels, 3, 0.1);
const batch = randomFloats(4 * inChannels, 4);

const linear = (of: NativeQuantizer): NBitLayer =>
  addon.createLinear({ inChannels, outChannels, wBit: of.bits, aBit: 32, weight: of });

function packedOf(layer: Pick<NBitLayer, 'eval' | 'optWeight'>): QuantizedWeight {
  layer.eval();
  const shown = layer.optWeight();
  if (shown.kind !== 'packed') throw new Error('a layer in inference shows its packed weight');
  return shown.qweight;
}

function packedWeight(of: NativeQuantizer): QuantizedWeight {
  const source = linear(of);
  source.setWeightData(weight);
  source.prepareParams();
  return packedOf(source);
}

/** The same codes, but those of row 0 are all 0. */
function withoutRow(of: QuantizedWeight): QuantizedWeight {
  const packed = Uint8Array.from(of.packed);
  packed.fill(0, 0, packed.length / of.rows);
  return { ...of, packed };
}

const dorefa = (bits: number): NativeQuantizer =>
  quantizer(bits, { grid: 'midrise', granularity: 'tensor', method: 'dorefa' });
const irnet = quantizer(1, { method: 'irnet' });
const ttq = quantizer(2, { grid: 'ternary', range: 'ttq', method: 'ttq' });

/** Takes the codes, trains one step on them or is refused; either way they are what they were. */
function tryToTrain(layer: NBitLayer, given: QuantizedWeight): TypedError | null {
  layer.setQuantizedWeightData(given);
  const inferred = layer.forward(batch);
  let refusal: TypedError | null = null;
  try {
    layer.train();
  } catch {
    refusal = errorOf(() => layer.train());
  }
  if (refusal) {
    expect([layer.state, layer.training]).toEqual(['packedOnly', false]);
    expect(layer.forward(batch)).toEqual(inferred);
  } else {
    expect([layer.state, layer.training]).toEqual(['quantized', true]);
    const trained = layer.forward(batch);
    const magnitude = Math.max(...inferred.map(Math.abs));
    for (const [i, value] of trained.entries()) {
      expect(Math.abs(value - (inferred[i] ?? Number.NaN))).toBeLessThan(2e-5 * magnitude);
    }
  }
  expect(packedOf(layer).packed).toEqual(given.packed);
  return refusal;
}

describe('train() after setQuantizedWeightData', () => {
  const methods: Record<string, NativeQuantizer> = {
    'lsq, signed': quantizer(4),
    'ste, unsigned': quantizer(4, { grid: 'unsigned', method: 'ste' }),
    'lsq, narrow': quantizer(5, { grid: 'narrow' }),
    'ste, midrise': quantizer(4, { grid: 'midrise', granularity: 'tensor', method: 'ste' }),
    'ste, binary': quantizer(1, { method: 'ste' }),
    'lsq, ternary': quantizer(2, { grid: 'ternary', range: 'twn' }),
    'ttq, ternary': ttq,
    'irnet with both signs in every row': irnet,
    'dorefa at 2 bits': dorefa(2),
    'dorefa at 3 bits': dorefa(3),
  };
  it.each(Object.entries(methods))('goes on from the codes: %s', (_name, of) => {
    expect(tryToTrain(linear(of), packedWeight(of))).toBeNull();
  });

  const refused: [string, NativeQuantizer, QuantizedWeight][] = [
    ['dorefa squashes the levels of 4 bits onto others', dorefa(4), packedWeight(dorefa(4))],
    ['of 8 bits', dorefa(8), packedWeight(dorefa(8))],
    ['irnet takes a row of −1 for balanced', irnet, withoutRow(packedWeight(irnet))],
  ];
  it.each(refused)('is refused where the codes would change: %s', (_name, of, given) => {
    const layer = linear(of);
    const refusal = tryToTrain(layer, given);
    expect(refusal?.code).toBe('E-LAYER-STATE');
    expect(refusal?.message).toBe(
      'train is not possible in state "packedOnly" (inference): its method gives the dequantized weight other codes than the packed ones.',
    );
    expect(refusal?.remedy).toBe('Load the float weight again with setWeightData, then prepareParams.');
    // The remedy is one.
    layer.setWeightData(weight);
    layer.prepareParams();
    layer.train();
    layer.forward(batch);
    expect(layer.backward(randomFloats(4 * outChannels, 9)).dWeight).toHaveLength(weight.length);
  });
});

describe('a packed weight of two levels per row (ttq)', () => {
  const shape = { numEmbeddings: outChannels, embeddingDim: inChannels, wBit: 2 };
  const expectRefusal = (error: TypedError) => {
    expect(error.code).toBe('E-QUANTIZER-INVALID');
    expect(error.message).toBe(
      'Ternary tables have one level per row; the range ttq gives each sign one of its own.',
    );
    expect(error.remedy).toBe('Use the range twn or another one for ternary grids.');
  };

  it('is refused by a table, which keeps the one it has', () => {
    const given = packedWeight(ttq);
    expect(given.negativeScales).toHaveLength(outChannels);
    const { bits: _, ...ternary } = quantizer(2, { grid: 'ternary', range: 'twn' });
    const ids = Int32Array.of(0, 3, 5);
    const embedding = addon.createEmbedding({ ...shape, weight: ternary });
    const bag = addon.createEmbeddingBag({ ...shape, weight: ternary });
    const look = { embedding: () => embedding.forward(ids), bag: () => bag.forward(ids, Int32Array.of(0)) };
    for (const [name, table] of Object.entries({ embedding, bag })) {
      table.setWeightData(weight);
      table.prepareParams();
      const before = look[name as keyof typeof look]();
      expectRefusal(errorOf(() => table.setQuantizedWeightData(given)));
      expect(table.state, name).toBe('prepared');
      expect(look[name as keyof typeof look]()).toEqual(before);
      // Nothing else stands in the way: with one level it is taken.
      table.setQuantizedWeightData({ ...given, negativeScales: undefined });
      expect(table.state).toBe('packedOnly');
    }
  });

  it('cannot be asked of a table, by range or by method', () => {
    const { bits: _, ...two } = ttq;
    for (const create of [addon.createEmbedding, addon.createEmbeddingBag]) {
      expectRefusal(errorOf(() => create({ ...shape, weight: { ...two, method: 'lsq' } })));
      const error = errorOf(() => create({ ...shape, weight: two }));
      expect([error.code, error.message, error.remedy]).toEqual([
        'E-QUANTIZER-INVALID',
        'Tables are trained by LSQ or straight through.',
        'Use the method lsq or ste.',
      ]);
    }
  });

  it('is refused by a table of a network', () => {
    const table = quantizer(2, { grid: 'ternary', range: 'twn' });
    const nodes: NetworkNode[] = [
      { op: 'input', shape: [3] },
      { op: 'embedding', name: 'table', numEmbeddings: outChannels, embeddingDim: inChannels, weight: table },
      { op: 'flatten' },
    ];
    const network = addon.createNetwork(nodes);
    network.setParameter('table.weight', weight);
    network.setParameter('table.scales', new Float32Array(outChannels).fill(0.1));
    const before = network.quantizedWeight('table');
    expectRefusal(errorOf(() => network.setQuantizedWeight('table', packedWeight(ttq))));
    expect(network.quantizedWeight('table')).toEqual(before);
  });
});
