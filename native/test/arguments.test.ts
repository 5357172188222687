/** Every entry point refuses wrong types, lengths, ranges and non-finite numbers, naming what is wrong. */
import { describe, expect, it } from 'vitest';
import type { NativeAddon } from '../index.js';
import { errorOf, expectArgumentErrors, rejectionOf } from './expect-error.js';
import { analyzeOptions, createDataset, quantizer, sessionOptions, smallNetwork } from './fixtures.js';
import { loadAddon } from './load-addon.js';

// biome-ignore lint/suspicious/noExplicitAny: these tests pass what the types forbid
type Anything = any;
const addon = loadAddon();
const any = addon as Anything;
const floats = (...values: number[]) => Float32Array.from(values);
const tensor = addon.tensorFromArray(floats(1, 2, 3, 4, 5, 6), 2, 3);
const dataset = createDataset(addon, 20, 8, 1);
const nan = Number.NaN;
const infinity = Number.POSITIVE_INFINITY;

/** Values that are no number of the kind asked for. */
const notIntegers: Anything[] = [undefined, null, '3', nan, infinity, -1, 1.5, 2 ** 40, {}, [], 3n];

describe('module', () => {
  it('setThreads', () => {
    for (const count of [...notIntegers, 0, 65]) {
      expect(errorOf(() => any.setThreads(count)).code).toBe('E-NATIVE-ARGUMENT');
    }
    const before = addon.info().threads;
    addon.setThreads(1);
    expect(addon.info().threads).toBe(1);
    addon.setThreads(before);
  });

  it('tensorFromArray', () => {
    expectArgumentErrors({
      'no array': () => any.tensorFromArray([1, 2], 1, 2),
      'another kind of array': () => any.tensorFromArray(new Float64Array(2), 1, 2),
      'too short': () => addon.tensorFromArray(floats(1, 2, 3), 2, 2),
      'too long': () => addon.tensorFromArray(floats(1, 2, 3), 1, 2),
      empty: () => addon.tensorFromArray(floats(), 0, 0),
      nothing: () => any.tensorFromArray(),
    });
    for (const rows of notIntegers) {
      expect(errorOf(() => any.tensorFromArray(floats(1, 2), rows, 2)).code).toBe('E-NATIVE-ARGUMENT');
      expect(errorOf(() => any.tensorFromArray(floats(1, 2), 1, rows)).code).toBe('E-NATIVE-ARGUMENT');
    }
    for (const bad of [nan, infinity]) {
      const error = errorOf(() => addon.tensorFromArray(floats(0, 1, bad, 3), 2, 2));
      expect(error.code).toBe('E-WEIGHT-NOT-FINITE');
      expect(error.message).toContain('Element 2 ');
    }
  });

  it('a transferred array is empty, not a crash', () => {
    const values = floats(1, 2, 3, 4);
    structuredClone(values.buffer, { transfer: [values.buffer] });
    expect(errorOf(() => addon.tensorFromArray(values, 2, 2)).code).toBe('E-NATIVE-ARGUMENT');
  });

  it('Tensor.copyTo', () => {
    expectArgumentErrors({
      short: () => tensor.copyTo(new Float32Array(5)),
      long: () => tensor.copyTo(new Float32Array(7)),
      'wrong kind': () => (tensor as Anything).copyTo(new Uint8Array(24)),
    });
  });

  it('tensorFromFile', async () => {
    const region = { path: '/nowhere', offset: 0, byteLength: 24, dtype: 'F32' };
    const wrong: [Anything, Anything, Anything][] = [
      [undefined, 2, 3],
      [{ ...region, path: '' }, 2, 3],
      [{ ...region, path: 'a\0b' }, 2, 3],
      [{ ...region, path: 5 }, 2, 3],
      [{ ...region, dtype: 'I8' }, 2, 3],
      [{ ...region, offset: -1 }, 2, 3],
      [{ ...region, offset: 0.5 }, 2, 3],
      [{ ...region, byteLength: 0 }, 2, 3],
      [{ ...region, byteLength: 23 }, 2, 3],
      [region, 0, 3],
      [region, 2, '3'],
    ];
    for (const args of wrong) {
      const error = await rejectionOf(any.tensorFromFile(...args));
      expect(error.code, error.message).toBe('E-NATIVE-ARGUMENT');
    }
    const cancel = await rejectionOf(any.tensorFromFile(region, 2, 3, {}));
    expect(cancel.message).toContain('CancelToken');
  });
});

describe('analysis', () => {
  it('statistics, histogram and thumbnail reject', async () => {
    const calls: Promise<unknown>[] = [
      any.statistics(),
      any.statistics({}),
      any.statistics(tensor, [101]),
      any.statistics(tensor, ['5']),
      any.statistics(tensor, 5),
      any.histogram(tensor, 0),
      any.histogram(tensor, 1e9),
      any.histogram(tensor, 16, { low: 1, high: 1 }),
      any.histogram(tensor, 16, { low: nan, high: 1 }),
      any.histogram(tensor, 16, { low: -1e308, high: 1.7e308 }),
      any.histogram(tensor, 16, 'all'),
      any.thumbnail(tensor, 2.5),
    ];
    for (const call of calls) expect((await rejectionOf(call)).code).toBe('E-NATIVE-ARGUMENT');
  });

  it('analyze and whatIf reject', async () => {
    const good = analyzeOptions(4);
    const scales = new Float32Array(2).fill(0.1);
    const zeroPoints = new Int32Array(0);
    const wrong: Anything[] = [
      undefined,
      { ...good, quantizer: undefined },
      { ...good, quantizer: { ...quantizer(4), bits: 9 } },
      { ...good, quantizer: { ...quantizer(4), bits: '4' } },
      { ...good, quantizer: { ...quantizer(4), grid: 'round' } },
      { ...good, quantizer: { ...quantizer(4), granularity: 'row' } },
      { ...good, quantizer: { ...quantizer(4), range: 'k' } },
      { ...good, quantizer: { ...quantizer(4), percentile: 101 } },
      { ...good, quantizer: { ...quantizer(4), norm: '2' } },
      { ...good, row: 2 },
      { ...good, row: -1 },
      { ...good, exactBins: 0 },
      { ...good, exactBins: 2 ** 30 },
      { ...good, drawnBins: 100 },
      { ...good, range: { low: 2, high: 1 } },
      { ...good, scales: { scales: floats(0.1), zeroPoints } },
      { ...good, scales: { scales: floats(0.1, 0), zeroPoints } },
      { ...good, scales: { scales: floats(0.1, nan), zeroPoints } },
      { ...good, scales: { scales, zeroPoints: [1] } },
      { ...good, scales: { scales, zeroPoints, thresholds: scales } },
      { ...good, quantizer: quantizer(2, { grid: 'ternary' }), scales: { scales, zeroPoints } },
      { ...good, scales: { scales, zeroPoints: Int32Array.of(1, 1, 1) } },
    ];
    for (const options of wrong) {
      for (const name of ['analyze', 'whatIf']) {
        const error = await rejectionOf(any[name](tensor, options));
        expect(error.code, error.message).toBe('E-NATIVE-ARGUMENT');
      }
    }
    for (const mixed of [
      quantizer(1, { grid: 'signed' }),
      quantizer(4, { grid: 'binary' }),
      quantizer(4, { granularity: 'group', groupSize: 0 }),
      quantizer(3, { grid: 'ternary' }),
      quantizer(4, { range: 'twn' }),
      quantizer(4, { range: 'movingAverage' }),
    ]) {
      const error = await rejectionOf(addon.whatIf(tensor, analyzeOptions(4, { quantizer: mixed })));
      expect(error.code).toBe('E-QUANTIZER-INVALID');
    }
  });
});

describe('NBitLayer', () => {
  it('createLinear', () => {
    const good = { inChannels: 4, outChannels: 2 };
    expectArgumentErrors({
      nothing: () => any.createLinear(),
      'an array': () => any.createLinear([]),
      'no inputs': () => addon.createLinear({ ...good, inChannels: 0 }),
      'a fraction': () => addon.createLinear({ ...good, outChannels: 2.5 }),
      '9 bits': () => addon.createLinear({ ...good, wBit: 9 }),
      '0 bits': () => addon.createLinear({ ...good, aBit: 0 }),
      'a device': () => any.createLinear({ ...good, device: 'cuda' }),
      'a dtype': () => any.createLinear({ ...good, dtype: 'float16' }),
      'bias as text': () => any.createLinear({ ...good, bias: 'yes' }),
      'a grid': () => any.createLinear({ ...good, weight: { grid: 'odd' } }),
      'a group size': () => any.createLinear({ ...good, weight: { granularity: 'group', groupSize: -4 } }),
      'an activation grid': () => any.createLinear({ ...good, activation: { grid: 'narrow' } }),
    });
    const layer = addon.createLinear(good);
    expect([layer.wBit, layer.aBit, layer.kind, layer.training, layer.state]).toEqual([
      4,
      4,
      'lsq',
      true,
      'created',
    ]);
    expect(addon.createLinear({ ...good, wBit: 1 }).kind).toBe('binary');
    expect(addon.createLinear({ ...good, wBit: 32 }).kind).toBe('float');
    expect(errorOf(() => addon.createLinear({ ...good, wBit: 1, weight: { grid: 'signed' } })).code).toBe(
      'E-QUANTIZER-INVALID',
    );
  });

  it('data, scales and passes', () => {
    const layer = addon.createLinear({ inChannels: 3, outChannels: 2, aBit: 8, bias: true });
    const loose = layer as Anything;
    const plain = addon.createLinear({ inChannels: 3, outChannels: 2 });
    expectArgumentErrors({
      'a seed': () => layer.resetParameters(-1),
      'a weight that is no array': () => loose.setWeightData([1, 2, 3, 4, 5, 6]),
      'a bias where there is none': () => plain.setBiasData(floats(1, 2)),
      'a bias that is no array': () => loose.setBiasData(null),
    });
    expect(errorOf(() => layer.setWeightData(floats(1, 2, 3))).code).toBe('E-WEIGHT-SHAPE');
    expect(errorOf(() => layer.setBiasData(floats(1, 2, 3))).code).toBe('E-WEIGHT-SHAPE');
    expect(errorOf(() => layer.setWeightData(floats(1, 2, 3, nan, 5, 6))).code).toBe('E-WEIGHT-NOT-FINITE');
    layer.setWeightData(tensor);
    layer.prepareParams(floats(1, 2, 3));
    layer.forward(floats(1, 2, 3, 4, 5, 6));
    expectArgumentErrors({
      'calibration that is no whole row': () => layer.prepareParams(floats(1, 2)),
      'calibration with NaN': () => layer.prepareParams(floats(1, nan, 2)),
      'empty calibration': () => layer.prepareParams(floats()),
      'qweightOnly as text': () => loose.generateQuantizedWeight({ qweightOnly: 'yes' }),
      'a scale of 0': () => layer.setScales({ scales: floats(0.1, 0) }),
      'too many scales': () => layer.setScales({ scales: floats(0.1, 0.1, 0.1) }),
      'zero points on a signed grid': () =>
        layer.setScales({ scales: floats(0.1, 0.1), zeroPoints: Int32Array.of(1, 1) }),
      'an activation scale of 0': () => layer.setActivationScale(0),
      'an activation scale of NaN': () => layer.setActivationScale(nan),
      'an input that is no whole row': () => layer.forward(floats(1, 2)),
      'an empty input': () => layer.forward(floats()),
      'an input with infinity': () => layer.forward(floats(1, infinity, 2)),
    });
    layer.prepareParams(floats(1, 2, 3));
    layer.forward(floats(1, 2, 3, 4, 5, 6));
    expectArgumentErrors({
      'a gradient of another batch': () => layer.backward(floats(1, 2)),
      'a gradient with NaN': () => layer.backward(floats(1, 2, 3, nan)),
    });
    layer.backward(floats(1, 2, 3, 4));
  });

  it('setQuantizedWeightData', () => {
    const layer = addon.createLinear({ inChannels: 3, outChannels: 2 });
    layer.setWeightData(tensor);
    layer.prepareParams();
    layer.eval();
    const shown = layer.optWeight();
    if (shown.kind !== 'packed') throw new Error('inference shows the packed weight');
    const good = shown.qweight;
    const padded = good.packed.slice();
    padded[1] = (padded[1] ?? 0) | 0xf0; // 3 codes of 4 bits leave half a byte
    const wrong: Anything[] = [
      undefined,
      { ...good, packed: good.packed.slice(1) },
      { ...good, packed: padded },
      { ...good, bits: 32 },
      { ...good, grid: 'x' },
      { ...good, rows: 2 ** 31 },
      { ...good, scales: floats(0.1) },
      { ...good, scales: floats(0.1, -0.1) },
      { ...good, zeroPoints: Int32Array.of(0, 0) },
    ];
    for (const weight of wrong) {
      const error = errorOf(() => layer.setQuantizedWeightData(weight));
      expect(error.code, error.message).toBe('E-NATIVE-ARGUMENT');
    }
    layer.setQuantizedWeightData(good);
  });
});

describe('createConv2d', () => {
  const good = { inChannels: 2, outChannels: 4, kernel: 3, height: 6, width: 5 };

  it('takes shapes that fit', () => {
    const layer = addon.createConv2d({ ...good, kernel: [3, 2], padding: 1, groups: 2, inputShift: true });
    layer.resetParameters(1);
    layer.prepareParams(new Float32Array(60).fill(0.5));
    expect(layer.forward(new Float32Array(60).fill(0.5))).toHaveLength(4 * 6 * 6);
    const { dActivation, dInputShift } = layer.backward(new Float32Array(4 * 6 * 6).fill(1));
    expect(dActivation).toHaveLength(1);
    expect(dInputShift).toHaveLength(2);
    layer.dispose();
  });

  it('refuses the others', () => {
    const create = (changes: Anything) => () => addon.createConv2d({ ...good, ...changes });
    expectArgumentErrors({
      'no kernel': create({ kernel: undefined }),
      'no image': create({ height: 0 }),
      'a kernel larger than the image': create({ kernel: 7 }),
      'a stride of 0': create({ stride: 0 }),
      'groups that do not divide': create({ groups: 3 }),
      'a shift as text': create({ inputShift: 'yes' }),
      'an input of another size': () => addon.createConv2d(good).prepareParams(floats(1, 2)),
    });
    const methods = { weight: { method: 'irnet' }, activation: { method: 'pact', grid: 'signed' } } as const;
    for (const [part, changes] of Object.entries(methods)) {
      expect(errorOf(create({ [part]: changes })).code).toBe('E-QUANTIZER-INVALID');
    }
  });
});

describe('data sets, networks and sessions', () => {
  it('createDatasetFromBytes and createDatasetFromFloats', () => {
    const shape = { count: 2, features: 3, classes: 2 };
    const labels = Uint8Array.of(0, 1);
    const normal = { mean: 0.5, std: 0.5 };
    expectArgumentErrors({
      'images that are no bytes': () => any.createDatasetFromBytes(floats(1), labels, shape, normal),
      'no shape': () => any.createDatasetFromBytes(new Uint8Array(6), labels, undefined, normal),
      'no class': () => addon.createDatasetFromFloats(new Float32Array(6), labels, { ...shape, classes: 0 }),
      'no normalisation': () => any.createDatasetFromBytes(new Uint8Array(6), labels, shape),
      'a deviation of 0': () =>
        addon.createDatasetFromBytes(new Uint8Array(6), labels, shape, { mean: 0, std: 0 }),
      'a mean of NaN': () =>
        addon.createDatasetFromBytes(new Uint8Array(6), labels, shape, { mean: nan, std: 1 }),
    });
    const mismatches: (() => unknown)[] = [
      () => addon.createDatasetFromBytes(new Uint8Array(5), labels, shape, normal),
      () => addon.createDatasetFromBytes(new Uint8Array(6), Uint8Array.of(0), shape, normal),
      () => addon.createDatasetFromBytes(new Uint8Array(6), Uint8Array.of(0, 2), shape, normal),
      () => addon.createDatasetFromFloats(new Float32Array(7), labels, shape),
    ];
    for (const call of mismatches) expect(errorOf(call).code).toBe('E-DATASET-MISMATCH');
    expect(() => addon.createDatasetFromFloats(floats(1, 2, nan, 4, 5, 6), labels, shape)).toThrow();
  });

  it('createNetwork', () => {
    const [linear, norm, relu, last] = smallNetwork();
    const image = { op: 'input', shape: [2, 6, 6] };
    const conv = { ...linear, op: 'conv2d', inChannels: 2, outChannels: 4, kernel: 3 };
    const ids = { op: 'input', name: 'ids', shape: [5] };
    const table = { op: 'embedding', name: 'e', numEmbeddings: 9, embeddingDim: 4, weight: quantizer(4) };
    const mpq = { op: 'mpqLinear', name: 'm', inChannels: 32, outChannels: 4 };
    expectArgumentErrors({
      'no array': () => any.createNetwork({}),
      'no object': () => any.createNetwork([3]),
      'an unknown node': () => any.createNetwork([{ op: 'conv' }]),
      'no bias flag': () => any.createNetwork([{ ...linear, bias: undefined }]),
      'no name': () => any.createNetwork([{ ...linear, name: '' }]),
      'no activation': () => any.createNetwork([{ ...linear, activation: undefined }]),
      'inputs that are no names': () => any.createNetwork([linear, { ...relu, inputs: [3] }]),
      'a shape with a fraction': () => any.createNetwork([{ op: 'input', shape: [1.5] }, relu]),
      'a kernel of three sides': () => any.createNetwork([image, { ...conv, kernel: [1, 2, 3] }]),
      'a padding below 0': () => any.createNetwork([image, { ...conv, padding: -1 }]),
      'groups that do not divide': () => any.createNetwork([image, { ...conv, groups: 3 }]),
      'a kernel larger than the image': () => any.createNetwork([image, { ...conv, kernel: 9 }]),
      'no pooling kernel': () => any.createNetwork([image, { op: 'maxPool2d' }]),
      'no heads': () => any.createNetwork([linear, { op: 'attention', inputs: ['fc0', 'fc0', 'fc0'] }]),
      'a share above 1': () => any.createNetwork([linear, { op: 'dropout', rate: 2 }]),
      'a padding id that is no row': () => any.createNetwork([ids, { ...table, paddingIdx: 9 }]),
      'no table weight': () => any.createNetwork([ids, { ...table, weight: undefined }]),
      'a mode': () => any.createNetwork([ids, { ...table, op: 'embeddingBag', mode: 'max' }]),
      'a table of half a row': () => any.createNetwork([ids, { ...table, numEmbeddings: 0.5 }]),
      'a group of 0': () => any.createNetwork([{ ...mpq, groupSize: 0 }]),
      'widths as numbers': () => any.createNetwork([{ ...mpq, op: 'mixedRowLinear', widths: [4] }]),
    });
    expect(errorOf(() => addon.createNetwork([])).code).toBe('E-MODEL-EMPTY');
    for (const nodes of [
      [relu, linear],
      [linear, norm, last, last],
      [linear, linear],
      [image, linear],
      [conv],
      [linear, { op: 'add', inputs: ['fc0', 'later'] }],
      [table],
      [image, table],
      [{ ...mpq, op: 'mixedRowLinear' }],
      [ids, { op: 'gelu', name: 'ids' }],
    ]) {
      expect(errorOf(() => any.createNetwork(nodes)).code).toBe('E-MODEL-GRAPH');
    }
  });

  it('Network', async () => {
    const network = addon.createNetwork(smallNetwork());
    const loose = network as Anything;
    network.resetParameters(1);
    expectArgumentErrors({
      'no name': () => loose.getParameter(),
      'no target': () => loose.getParameter('fc0.weight', [1]),
      'a scale of 0': () => network.setScales('fc0', { scales: new Float32Array(16), activationScale: 0.1 }),
      'a negative activation scale': () =>
        network.setScales('fc0', { scales: new Float32Array(16).fill(1), activationScale: -1 }),
    });
    expect(errorOf(() => network.getParameter('fc9.weight', floats(1))).code).toBe('E-LAYER-UNKNOWN');
    expect(errorOf(() => network.getParameter('fc0.weight', floats(1))).code).toBe('E-WEIGHT-SHAPE');
    expect(errorOf(() => network.setParameter('fc0.bias', floats(1))).code).toBe('E-WEIGHT-SHAPE');
    expect(errorOf(() => network.quantizedWeight('norm')).code).toBe('E-LAYER-UNKNOWN');
    expect(errorOf(() => loose.takeFrom(dataset)).code).toBe('E-NATIVE-ARGUMENT');
    expect(errorOf(() => network.takeFrom(network)).code).toBe('E-RUN-STATE');
    expect(errorOf(() => loose.setQuantizedWeight('fc0', { qweight: 3 })).code).toBe('E-NATIVE-ARGUMENT');
    const rejections: [Promise<unknown>, string][] = [
      [loose.prepare(tensor, 5), 'E-NATIVE-ARGUMENT'],
      [network.prepare(dataset, 0), 'E-NATIVE-ARGUMENT'],
      [network.prepare(dataset, 21), 'E-NATIVE-ARGUMENT'],
      [network.prepareMissing(dataset, 0), 'E-NATIVE-ARGUMENT'],
      [loose.logits(dataset, 'float'), 'E-NATIVE-ARGUMENT'],
      [loose.evaluate(network, 'packed'), 'E-NATIVE-ARGUMENT'],
      [network.evaluate(createDataset(addon, 4, 9, 1), 'packed'), 'E-DATASET-MISMATCH'],
      [loose.layerInputs('fc0', tensor, 1), 'E-NATIVE-ARGUMENT'],
      [network.layerInputs('fc0', dataset, 0), 'E-NATIVE-ARGUMENT'],
      [network.layerInputs('fc0', dataset, 21), 'E-NATIVE-ARGUMENT'],
      [network.layerInputs('norm', dataset, 1), 'E-LAYER-UNKNOWN'],
      [network.layerInputs('fc0', createDataset(addon, 4, 9, 1), 1), 'E-DATASET-MISMATCH'],
      [network.evaluate(dataset, 'packed'), 'E-LAYER-STATE'],
    ];
    for (const [promise, code] of rejections) expect((await rejectionOf(promise)).code).toBe(code);
  });

  it('createSession', async () => {
    const network = addon.createNetwork(smallNetwork());
    network.resetParameters(1);
    await network.prepare(dataset, 16);
    const create = (changes: Anything) => () =>
      addon.createSession(network, dataset, dataset, { ...sessionOptions(), ...changes });
    expectArgumentErrors({
      'no network': () => any.createSession(dataset, dataset, dataset, sessionOptions()),
      'no options': () => any.createSession(network, dataset, dataset),
      'an optimizer': create({ optimizer: 'adagrad' }),
      'a rate of 0': create({ learningRate: 0 }),
      'a rate of NaN': create({ learningRate: nan }),
      'a momentum above 1': create({ momentum: 1.5 }),
      'a decay below 0': create({ weightDecay: -1 }),
      'a schedule': create({ schedule: 'linear' }),
      'no epochs': create({ epochs: 0 }),
      'half a batch': create({ batchSize: 0.5 }),
      'a seed': create({ seed: 2 ** 32 }),
      shuffle: create({ shuffle: 1 }),
      snapshots: create({ snapshotMs: -5 }),
      'half a warm-up step': create({ warmupSteps: 0.5 }),
      'a step factor of 0': create({ schedule: 'step', stepFactor: 0 }),
      'no step epochs': create({ stepEpochs: 0 }),
      'a clip below 0': create({ gradientClip: -1 }),
      'a scale rate of 0': create({ scaleRate: 0 }),
      'Nesterov without momentum': create({ optimizer: 'sgd', momentum: 0, nesterov: true }),
      'Nesterov as a number': create({ nesterov: 1 }),
      'a loss': create({ loss: 'hinge' }),
      'a loss without its teacher': create({ loss: 'distillation' }),
      'a temperature of 0': create({ temperature: 0 }),
      'a share of labels above 1': create({ teacherShare: 1.5 }),
      'a smoothing above 1': create({ labelSmoothing: 1.1 }),
      'nine gradient bits': create({ gradientBits: 9 }),
      'diagnostics every half step': create({ diagnosticsEvery: 0.5 }),
      'diagnostics before a step': create({ diagnosticsEvery: -1 }),
      'a threshold above 1': create({ freezeThreshold: 1.5 }),
      'a threshold that ends at 0': create({ freezeThreshold: 0.1, freezeThresholdEnd: 0 }),
      'a dampening below 0': create({ dampening: -1 }),
      'a start before the first step': create({ quantizeFromStep: -1 }),
      'half a freezing step': create({ freezeNormFromStep: 0.5 }),
      'a teacher nobody asks': () =>
        addon.createSession(network, dataset, dataset, sessionOptions(), addon.createNetwork(smallNetwork())),
    });
    const wide = createDataset(addon, 4, 9, 1);
    expect(errorOf(() => addon.createSession(network, wide, dataset, sessionOptions())).code).toBe(
      'E-DATASET-MISMATCH',
    );
    const session = addon.createSession(network, dataset, dataset, sessionOptions());
    expect(errorOf(() => (session as Anything).restore('x')).code).toBe('E-NATIVE-ARGUMENT');
    session.dispose();
  });
});

describe('limits', () => {
  const large = 2 ** 29;
  const refused: Record<string, (a: NativeAddon) => unknown> = {
    'a tensor': (a) => a.tensorFromArray(floats(1), large, large),
    'a layer': (a) => a.createLinear({ inChannels: large, outChannels: large }),
    'a layer of 2^31 weights': (a) => a.createLinear({ inChannels: 2 ** 16, outChannels: 2 ** 15 }),
    'a network': (a) =>
      a.createNetwork([{ ...(smallNetwork()[0] as Anything), inChannels: 2 ** 20, outChannels: 2 ** 20 }]),
    'a product': (a) => a.ops.gemm(floats(1), floats(1), large, large, 1),
    codes: (a) => a.packCodes(Uint8Array.of(1), large, large, 4),
    'packed codes': (a) => a.unpackCodes(Uint8Array.of(1), large, large, 4),
    'a batch norm': (a) =>
      a.ops.batchNorm(floats(1), floats(1), large, large, 1, floats(), floats(), 1e-5, 0.1),
  };

  it.each(Object.keys(refused))('%s that no machine holds is refused before it is allocated', (name) => {
    const before = process.memoryUsage().rss;
    const error = errorOf(() => refused[name]?.(addon));
    expect(['E-OUT-OF-MEMORY', 'E-NATIVE-ARGUMENT']).toContain(error.code);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
  });

  it('a file region too', async () => {
    const region = { path: '/nowhere', offset: 0, byteLength: 2 ** 50, dtype: 'F32' } as const;
    const error = await rejectionOf(addon.tensorFromFile(region, 2 ** 24, 2 ** 24));
    expect(error.code).toBe('E-OUT-OF-MEMORY');
  });

  it('a data set whose size overflows is a mismatch', () => {
    const shape = { count: 2 ** 30, features: 2 ** 30, classes: 2 };
    const error = errorOf(() => addon.createDatasetFromFloats(floats(1), Uint8Array.of(1), shape));
    expect(['E-DATASET-MISMATCH', 'E-OUT-OF-MEMORY', 'E-NATIVE-ARGUMENT']).toContain(error.code);
  });
});
