/** Every method of the weight-only layers in every state: what is legal, where it leads, what the refusal says. */
import { describe, expect, it } from 'vitest';
import type { LayerLifeState, MixedRowWeight, MpqWeight, WeightOnlyLinear } from '../index.js';
import { errorOf } from './expect-error.js';
import { randomFloats } from './fixtures.js';
import { loadAddon } from './load-addon.js';

const addon = loadAddon();
const inChannels = 64;
const outChannels = 5;
const groups = 2;
const weight = randomFloats(inChannels * outChannels, 3, 0.1);
const batch = randomFloats(4 * inChannels, 4);

type Packed = MpqWeight | MixedRowWeight;
// The two kinds differ in their packed form only; the tests hand each its own.
type Layer = WeightOnlyLinear<Packed>;
const shape = { inChannels, outChannels, groupSize: 32, bias: true, method: 'lsq' } as const;
const create: Record<string, () => Layer> = {
  'MPQ, integer zero points': () => addon.createMpqLinear(shape) as Layer,
  'MPQ, float zeros': () => addon.createMpqLinear({ ...shape, wBit: 3, symmetric: true }) as Layer,
  'MPQ, double-quantized': () =>
    addon.createMpqLinear({ ...shape, wBit: 2, symmetric: true, doubleGroupSize: 2 }) as Layer,
  'mixed rows': () => addon.createMixedRowLinear({ ...shape, widths: Int32Array.of(3, 5) }) as Layer,
};

/** Brings a new layer into a state by the shortest legal way. */
function layerIn(kind: string, state: LayerLifeState): Layer {
  const layer = create[kind]?.();
  if (!layer) throw new Error(kind);
  if (state === 'created') return layer;
  layer.setWeightData(weight);
  if (state === 'weight') return layer;
  layer.prepareParams();
  if (state === 'prepared') return layer;
  layer.generateQuantizedWeight({ qweightOnly: state === 'packedOnly' });
  return layer;
}

function packed(layer: Layer): Packed {
  layer.eval();
  const shown = layer.optWeight();
  if (shown.kind !== 'packed') throw new Error('a layer in inference shows its packed weight');
  return shown.qweight;
}

const calls: Record<string, (layer: Layer, kind: string) => unknown> = {
  resetParameters: (layer) => layer.resetParameters(1),
  setWeightData: (layer) => layer.setWeightData(weight),
  setBiasData: (layer) => layer.setBiasData(new Float32Array(outChannels)),
  bias: (layer) => layer.bias(),
  prepareParams: (layer) => layer.prepareParams(),
  generateQuantizedWeight: (layer) => layer.generateQuantizedWeight(),
  'generateQuantizedWeight(qweightOnly)': (layer) => layer.generateQuantizedWeight({ qweightOnly: true }),
  setQuantizedWeightData: (layer, kind) => layer.setQuantizedWeightData(packed(layerIn(kind, 'quantized'))),
  optWeight: (layer) => layer.optWeight(),
  scales: (layer) => layer.scales(),
  setScales: (layer) =>
    layer.setScales(
      new Float32Array(groups * outChannels).fill(0.1),
      new Float32Array(groups * outChannels).fill(1),
    ),
  dequantizedWeight: (layer) => layer.dequantizedWeight(),
  residual: (layer) => layer.residual(),
  update: (layer) => layer.update({ weight: new Float32Array(weight.length) }),
  train: (layer) => layer.train(),
  eval: (layer) => layer.eval(),
  forward: (layer) => layer.forward(batch),
  'eval and forward': (layer) => {
    layer.eval();
    return layer.forward(batch);
  },
  backward: (layer) => layer.backward(new Float32Array(4 * outChannels)),
};

const states = ['created', 'weight', 'prepared', 'quantized', 'packedOnly'] as const;
type Outcome = LayerLifeState | 'refused';

/** Columns as in `states`. */
const expected: Record<string, readonly Outcome[]> = {
  resetParameters: ['weight', 'weight', 'weight', 'weight', 'weight'],
  setWeightData: ['weight', 'weight', 'weight', 'weight', 'weight'],
  setBiasData: ['created', 'weight', 'prepared', 'quantized', 'packedOnly'],
  bias: ['created', 'weight', 'prepared', 'quantized', 'packedOnly'],
  // Scales that came with a packed weight are kept.
  prepareParams: ['refused', 'prepared', 'prepared', 'prepared', 'packedOnly'],
  generateQuantizedWeight: ['refused', 'refused', 'quantized', 'quantized', 'refused'],
  'generateQuantizedWeight(qweightOnly)': ['refused', 'refused', 'packedOnly', 'packedOnly', 'refused'],
  setQuantizedWeightData: ['packedOnly', 'packedOnly', 'packedOnly', 'packedOnly', 'packedOnly'],
  optWeight: ['refused', 'weight', 'prepared', 'quantized', 'packedOnly'],
  scales: ['refused', 'refused', 'prepared', 'quantized', 'packedOnly'],
  setScales: ['refused', 'prepared', 'prepared', 'prepared', 'packedOnly'],
  dequantizedWeight: ['refused', 'refused', 'prepared', 'quantized', 'packedOnly'],
  residual: ['refused', 'refused', 'prepared', 'quantized', 'packedOnly'],
  update: ['refused', 'refused', 'prepared', 'prepared', 'refused'],
  // The float weight comes back from the codes: fine-tuning of a checkpoint.
  train: ['created', 'weight', 'prepared', 'quantized', 'quantized'],
  eval: ['created', 'weight', 'prepared', 'quantized', 'packedOnly'],
  forward: ['refused', 'refused', 'prepared', 'quantized', 'packedOnly'],
  // Inference packs lazily.
  'eval and forward': ['refused', 'refused', 'quantized', 'quantized', 'packedOnly'],
  backward: ['refused', 'refused', 'refused', 'refused', 'refused'],
};

describe.each(Object.keys(create))('%s', (kind) => {
  it.each(Object.keys(calls))('%s', (name) => {
    const call = calls[name];
    for (const [i, state] of states.entries()) {
      const layer = layerIn(kind, state);
      expect(layer.state).toBe(state);
      const outcome = expected[name]?.[i];
      if (outcome === 'refused') {
        const error = errorOf(() => call?.(layer, kind));
        expect(error.code, `${name} in ${state}`).toBe('E-LAYER-STATE');
        expect(error.message).toContain(`"${state}"`);
        expect(layer.state, `a refused ${name} changes nothing`).toBe(state);
      } else {
        call?.(layer, kind);
        expect(layer.state, `${name} in ${state}`).toBe(outcome);
      }
      layer.dispose();
    }
  });

  it('gives gradients once per training forward, and none after a write or in inference', () => {
    const layer = layerIn(kind, 'prepared');
    const dy = randomFloats(4 * outChannels, 9);
    layer.forward(batch);
    const gradients = layer.backward(dy);
    expect(gradients.dx).toHaveLength(batch.length);
    expect(gradients.dWeight).toHaveLength(weight.length);
    expect(gradients.dBias).toHaveLength(outChannels);
    expect(gradients.dScales).toHaveLength(groups * outChannels);
    expect(gradients.dZeros).toHaveLength(groups * outChannels);
    layer.update({ weight: gradients.dWeight, bias: gradients.dBias ?? undefined });
    expect(errorOf(() => layer.backward(dy)).message).toContain('since the forward');
    layer.forward(batch);
    layer.eval();
    expect(errorOf(() => layer.backward(dy)).code).toBe('E-LAYER-STATE');
  });

  it('never shows a stale packed weight', () => {
    const layer = layerIn(kind, 'quantized');
    const before = packed(layer).qweight;
    layer.setWeightData(weight.map((value) => -value));
    layer.prepareParams();
    const negated = packed(layer).qweight;
    expect(negated).not.toEqual(before);
    layer.update({ weight: weight.map((value) => 3 * value) });
    expect(packed(layer).qweight).not.toEqual(negated);
  });

  it('takes the packed weight of another layer, keeps it bit for bit and trains it', () => {
    const source = layerIn(kind, 'quantized');
    const target = layerIn(kind, 'created');
    const given = packed(source);
    target.setQuantizedWeightData(given);
    expect(target.training).toBe(false);
    expect(packed(target)).toEqual(given);
    expect(target.forward(batch)).toEqual(source.forward(batch));
    target.prepareParams();
    target.train();
    target.prepareParams();
    expect(target.state).toBe('quantized');
    expect(Math.max(...target.residual().map(Math.abs))).toBeLessThan(1e-6);
    expect(packed(target)).toEqual(given);
    target.train();
    target.update({ weight: new Float32Array(weight.length) });
    expect(packed(target)).toEqual(given);
  });

  it('is the same in training and in inference, and its residual is what is missing', () => {
    const layer = layerIn(kind, 'prepared');
    const trained = layer.forward(batch);
    const shown = layer.dequantizedWeight();
    for (const [i, value] of layer.residual().entries()) {
      expect((shown[i] ?? Number.NaN) + value).toBeCloseTo(weight[i] ?? Number.NaN, 6);
    }
    layer.eval();
    expect(layer.dequantizedWeight()).toEqual(shown);
    const magnitude = Math.max(...trained.map(Math.abs));
    for (const [i, value] of layer.forward(batch).entries()) {
      expect(Math.abs(value - (trained[i] ?? Number.NaN))).toBeLessThanOrEqual(2e-5 * magnitude);
    }
  });

  it('has the layer for itself during a job, and gives it back when cancelled or refused', async () => {
    const layer = layerIn(kind, 'weight');
    const job = layer.prepareParamsAsync();
    expect(errorOf(() => layer.forward(batch)).code).toBe('E-LAYER-STATE');
    await job;
    expect(layer.state).toBe('prepared');
    const cancel = addon.createCancelToken();
    cancel.cancel();
    await expect(layer.generateQuantizedWeightAsync({}, cancel)).rejects.toMatchObject({
      code: 'E-CANCELLED',
    });
    expect(layer.state).toBe('prepared');
    await layer.generateQuantizedWeightAsync({ qweightOnly: true });
    expect(layer.state).toBe('packedOnly');
    await expect(layerIn(kind, 'created').prepareParamsAsync()).rejects.toMatchObject({
      code: 'E-LAYER-STATE',
    });
  });

  it('is disposed: later calls say so, a job ends with its result', async () => {
    const layer = layerIn(kind, 'weight');
    const job = layer.prepareParamsAsync();
    layer.dispose();
    layer.dispose();
    await job;
    for (const call of [() => layer.state, () => layer.inChannels, () => layer.forward(batch)]) {
      const error = errorOf(call);
      expect(error.code).toBe('E-NATIVE-ARGUMENT');
      expect(error.message).toContain('was disposed');
    }
    await expect(layer.prepareParamsAsync()).rejects.toMatchObject({ code: 'E-NATIVE-ARGUMENT' });
  });
});

describe('mixed rows without widths', () => {
  it('take them from a packed weight, and say so where they are needed before', () => {
    const layer = addon.createMixedRowLinear(shape) as Layer & { groupBits(): Int32Array };
    expect(layer.groupBits()).toHaveLength(0);
    layer.setWeightData(weight);
    expect(errorOf(() => layer.prepareParams()).message).toContain('widths');
    layer.setQuantizedWeightData(packed(layerIn('mixed rows', 'quantized')));
    expect([...layer.groupBits()]).toEqual([5, 3]);
    layer.setWeightData(weight);
    layer.prepareParams();
    expect(layer.state).toBe('prepared');
  });
});
