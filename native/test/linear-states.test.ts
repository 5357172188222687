/** Every method of NBitLayer in every state: what is legal, where it leads, and what the refusal says. */
import { describe, expect, it } from 'vitest';
import type { LayerLifeState, NBitLayer } from '../index.js';
import { errorOf } from './expect-error.js';
import { quantizer, randomFloats } from './fixtures.js';
import { loadAddon } from './load-addon.js';

const addon = loadAddon();
const inChannels = 12;
const outChannels = 5;
const weight = randomFloats(inChannels * outChannels, 3, 0.1);
const batch = randomFloats(4 * inChannels, 4);

type Kind = 'lsq' | 'binary' | 'float';
const bitsOf: Record<Kind, number> = { lsq: 4, binary: 1, float: 32 };

function create(kind: Kind): NBitLayer {
  const layer = addon.createLinear({ inChannels, outChannels, wBit: bitsOf[kind], aBit: 8, bias: true });
  layer.setActivationScale(0.02);
  return layer;
}

/** Brings a new layer into a state by the shortest legal way. */
function layerIn(kind: Kind, state: LayerLifeState): NBitLayer {
  const layer = create(kind);
  if (state === 'created') return layer;
  layer.setWeightData(weight);
  if (state === 'weight') return layer;
  layer.prepareParams();
  if (state === 'prepared') return layer;
  layer.generateQuantizedWeight({ qweightOnly: state === 'packedOnly' });
  return layer;
}

function packedWeight(kind: Kind) {
  const other = layerIn(kind === 'float' ? 'lsq' : kind, 'quantized');
  other.eval();
  const shown = other.optWeight();
  if (shown.kind !== 'packed') throw new Error('a layer in inference shows its packed weight');
  return shown.qweight;
}

const calls: Record<string, (layer: NBitLayer, kind: Kind) => unknown> = {
  resetParameters: (layer) => layer.resetParameters(1),
  setWeightData: (layer) => layer.setWeightData(weight),
  setBiasData: (layer) => layer.setBiasData(new Float32Array(outChannels)),
  prepareParams: (layer) => layer.prepareParams(),
  'prepareParams(calibration)': (layer) => layer.prepareParams(batch),
  generateQuantizedWeight: (layer) => layer.generateQuantizedWeight(),
  'generateQuantizedWeight(qweightOnly)': (layer) => layer.generateQuantizedWeight({ qweightOnly: true }),
  setQuantizedWeightData: (layer, kind) => layer.setQuantizedWeightData(packedWeight(kind)),
  optWeight: (layer) => layer.optWeight(),
  scales: (layer) => layer.scales(),
  setScales: (layer) => layer.setScales({ scales: new Float32Array(outChannels).fill(0.1) }),
  setActivationScale: (layer) => layer.setActivationScale(0.1),
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
  prepareParams: ['refused', 'prepared', 'prepared', 'prepared', 'refused'],
  'prepareParams(calibration)': ['refused', 'prepared', 'prepared', 'prepared', 'refused'],
  generateQuantizedWeight: ['refused', 'refused', 'quantized', 'quantized', 'refused'],
  'generateQuantizedWeight(qweightOnly)': ['refused', 'refused', 'packedOnly', 'packedOnly', 'refused'],
  setQuantizedWeightData: ['packedOnly', 'packedOnly', 'packedOnly', 'packedOnly', 'packedOnly'],
  optWeight: ['refused', 'weight', 'prepared', 'quantized', 'packedOnly'],
  scales: ['refused', 'refused', 'prepared', 'quantized', 'packedOnly'],
  setScales: ['refused', 'prepared', 'prepared', 'prepared', 'packedOnly'],
  setActivationScale: ['created', 'weight', 'prepared', 'quantized', 'packedOnly'],
  // The float weight comes back from the codes: fine-tuning of a packed weight.
  train: ['created', 'weight', 'prepared', 'quantized', 'quantized'],
  eval: ['created', 'weight', 'prepared', 'quantized', 'packedOnly'],
  forward: ['refused', 'refused', 'prepared', 'quantized', 'packedOnly'],
  // Inference packs lazily.
  'eval and forward': ['refused', 'refused', 'quantized', 'quantized', 'packedOnly'],
  backward: ['refused', 'refused', 'refused', 'refused', 'refused'],
};

describe.each(['lsq', 'binary'] as const)('%s layer', (kind) => {
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
});

describe('float layer', () => {
  it('trains and evaluates without being prepared, and is never packed', () => {
    const layer = layerIn('float', 'weight');
    expect(layer.kind).toBe('float');
    layer.forward(batch);
    layer.eval();
    layer.forward(batch);
    expect(layer.optWeight().kind).toBe('float');
    for (const name of ['generateQuantizedWeight', 'setQuantizedWeightData']) {
      expect(errorOf(() => calls[name]?.(layer, 'float')).code, name).toBe('E-LAYER-STATE');
    }
  });
});

describe('life cycle', () => {
  it('never shows a stale packed weight after the weight or the scales changed', () => {
    const layer = layerIn('lsq', 'quantized');
    layer.eval();
    const before = packedBytes(layer);
    layer.setWeightData(weight.map((value) => -value));
    layer.prepareParams();
    expect(packedBytes(layer)).not.toEqual(before);
    const negated = packedBytes(layer);
    layer.setScales({ scales: layer.scales().scales.map((scale) => scale * 2) });
    expect(packedBytes(layer)).not.toEqual(negated);
  });

  it('gives gradients once per training forward and in training only', () => {
    const layer = layerIn('lsq', 'prepared');
    layer.forward(batch);
    const dy = randomFloats(4 * outChannels, 9);
    const gradients = layer.backward(dy);
    expect(gradients.dx).toHaveLength(batch.length);
    expect(gradients.dWeight).toHaveLength(weight.length);
    expect(gradients.dBias).toHaveLength(outChannels);
    expect(gradients.dScaleWeight).toHaveLength(outChannels);
    expect(gradients.dActivation).toHaveLength(1);
    layer.eval();
    layer.forward(batch);
    expect(errorOf(() => layer.backward(dy)).code).toBe('E-LAYER-STATE');
  });

  it('evaluates a packed layer as it was trained', () => {
    for (const kind of ['lsq', 'binary'] as const) {
      const layer = layerIn(kind, 'prepared');
      const trained = layer.forward(batch);
      layer.eval();
      const packed = layer.forward(batch);
      const magnitude = Math.max(...trained.map(Math.abs));
      for (const [i, value] of trained.entries()) {
        expect(Math.abs((packed[i] ?? Number.NaN) - value)).toBeLessThanOrEqual(2e-5 * magnitude);
      }
    }
  });

  it('takes the packed weight of another layer bit for bit', () => {
    const source = layerIn('lsq', 'quantized');
    source.eval();
    const target = create('lsq');
    target.setQuantizedWeightData(packedWeight('lsq'));
    expect(target.training).toBe(false);
    expect(packedBytes(target)).toEqual(packedBytes(source));
    expect(target.forward(batch)).toEqual(source.forward(batch));
  });

  it('trains on a packed weight: the float weight is the dequantized one, the codes stay', () => {
    for (const kind of ['lsq', 'binary'] as const) {
      const target = create(kind);
      target.setQuantizedWeightData(packedWeight(kind));
      const before = packedBytes(target);
      const inferred = target.forward(batch);
      const { scales } = target.scales();
      target.train();
      expect(target.state).toBe('quantized');
      expect(target.scales().scales).toEqual(scales);
      const shown = target.optWeight();
      if (shown.kind !== 'float') throw new Error('a layer in training shows its float weight');
      for (const [i, value] of shown.weight.entries()) {
        const steps = value / (scales[scales.length === 1 ? 0 : Math.floor(i / inChannels)] ?? Number.NaN);
        expect(Math.abs(steps - Math.round(steps))).toBeLessThan(1e-5);
      }
      const trained = target.forward(batch);
      const magnitude = Math.max(...trained.map(Math.abs));
      for (const [i, value] of inferred.entries()) {
        expect(Math.abs((trained[i] ?? Number.NaN) - value)).toBeLessThanOrEqual(2e-5 * magnitude);
      }
      expect(target.backward(randomFloats(4 * outChannels, 9)).dWeight).toHaveLength(weight.length);
      target.eval();
      expect(packedBytes(target)).toEqual(before);
    }
  });

  it('refuses the packed weight of another shape, grid or granularity', () => {
    const good = packedWeight('lsq');
    const tall = addon.createLinear({ inChannels, outChannels: outChannels + 1, wBit: 4 });
    expect(errorOf(() => tall.setQuantizedWeightData(good)).code).toBe('E-WEIGHT-SHAPE');
    for (const changes of [{ grid: 'narrow' }, { granularity: 'tensor' }] as const) {
      const weightQuantizer = quantizer(4, changes);
      const other = addon.createLinear({ inChannels, outChannels, wBit: 4, weight: weightQuantizer });
      expect(errorOf(() => other.setQuantizedWeightData(good)).code).toBe('E-QUANTIZER-INVALID');
    }
  });
});

describe('jobs', () => {
  it('has the layer for itself while it is prepared, and gives it back', async () => {
    const layer = layerIn('lsq', 'weight');
    const job = layer.prepareParamsAsync();
    expect(errorOf(() => layer.forward(batch)).code).toBe('E-LAYER-STATE');
    await job;
    expect(layer.state).toBe('prepared');
    await layer.generateQuantizedWeightAsync({ qweightOnly: true });
    expect(layer.state).toBe('packedOnly');
  });

  it('gives the layer back when the job is refused', async () => {
    const layer = create('lsq');
    await expect(layer.prepareParamsAsync()).rejects.toMatchObject({ code: 'E-LAYER-STATE' });
    layer.setWeightData(weight);
    expect(layer.state).toBe('weight');
  });

  it('stops a cancelled preparation and leaves the layer usable', async () => {
    const layer = layerIn('lsq', 'weight');
    const cancel = addon.createCancelToken();
    cancel.cancel();
    await expect(layer.prepareParamsAsync(cancel)).rejects.toMatchObject({ code: 'E-CANCELLED' });
    expect(layer.state).toBe('weight');
    layer.prepareParams();
    expect(layer.state).toBe('prepared');
  });
});

function packedBytes(layer: NBitLayer): Uint8Array {
  const shown = layer.optWeight();
  if (shown.kind !== 'packed') throw new Error('the layer is not in inference');
  return shown.qweight.packed;
}
