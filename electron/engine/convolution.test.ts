/** A small convolutional model file, end to end: opened, quantized, trained, exported and proven. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  defaultLayerConfig,
  defaultLayerTraining,
  type Graph,
  legalWeight,
  type WeightQuantizer,
} from '../contract/index.js';
import { openSafetensors, readFloat32, readTensorBytes, type SafetensorsSource } from '../formats/index.js';
import { layerInputs } from './calibration.js';
import { inputsOfGroup } from './layer-inputs.js';
import type { ModelLayer } from './model.js';
import { inputsDataset, oneLayerNetwork } from './one-layer.js';
import { toNativeQuantizer } from './quantizers.js';
import { gptqOptions } from './rounding.js';
import {
  classes,
  endedRun,
  features,
  makeTestEngine,
  projectOf,
  shortTraining,
  type TestEngine,
  testAddon,
  uniform,
  writeSmallDataset,
  writeSmallModel,
} from './test-support.js';

const graph: Graph = {
  version: 1,
  input: { features, shape: [1, 8, 8], mean: 0.35, std: 0.3 },
  classes,
  nodes: [
    { op: 'conv2d', weight: 'c1.weight', bias: null, padding: 1 },
    { op: 'batchNorm', gamma: 'n1.gamma', beta: 'n1.beta', runningMean: 'n1.mean', runningVar: 'n1.var' },
    { op: 'relu' },
    { op: 'maxPool2d', name: 'pool', kernel: 2 },
    { op: 'conv2d', name: 'branch', weight: 'c2.weight', bias: 'c2.bias', padding: 1, groups: 2 },
    { op: 'add', inputs: ['pool', 'branch'] },
    { op: 'gelu' },
    { op: 'avgPool2d', kernel: 2 },
    { op: 'flatten' },
    { op: 'dropout', rate: 0.1 },
    { op: 'linear', weight: 'fc.weight', bias: 'fc.bias' },
  ],
};

function tensors(): SafetensorsSource[] {
  const shapes: [string, number[]][] = [
    ['c1.weight', [8, 1, 3, 3]],
    ['n1.beta', [8]],
    ['n1.mean', [8]],
    ['c2.weight', [8, 4, 3, 3]],
    ['c2.bias', [8]],
    ['fc.weight', [classes, 32]],
    ['fc.bias', [classes]],
  ];
  const count = (shape: number[]) => shape.reduce((product, size) => product * size, 1);
  const ones = ['n1.gamma', 'n1.var'].map((name): SafetensorsSource => {
    return { name, dtype: 'F32', shape: [8], data: new Float32Array(8).fill(1) };
  });
  return shapes
    .map(([name, shape], index): SafetensorsSource => {
      const bound = shape.length > 1 ? 0.4 : 0.05;
      return { name, dtype: 'F32', shape, data: uniform(count(shape), bound, index + 1) };
    })
    .concat(ones);
}

let test: TestEngine;
beforeAll(async () => {
  test = await makeTestEngine();
  await mkdir(join(test.folder, 'data'));
  await writeSmallDataset(join(test.folder, 'data'));
});
afterAll(() => test.end());

it('a convolutional network trains at W4A4 and its export is proven, kernels kept in four dimensions', async () => {
  const { engine } = test;
  const path = await writeSmallModel(join(test.folder, 'cnn.safetensors'), tensors(), graph);
  const state = await engine.project.openModel({ path });
  expect(state.model.layers.map(({ name, rows, cols, trainable }) => [name, rows, cols, trainable])).toEqual([
    ['c1.weight', 8, 9, true],
    ['c2.weight', 8, 36, true],
    ['fc.weight', classes, 32, true],
  ]);
  await engine.project.openDataset({ path: join(test.folder, 'data') });
  const layers = ['c1.weight', 'c2.weight', 'fc.weight'];
  const changes = Object.fromEntries(layers.map((layer) => [layer, defaultLayerConfig]));
  await engine.project.configure({ changes });
  const training = { ...shortTraining, learningRate: 0.01, epochs: 6 };
  const { id } = await engine.runs.start({ name: null, training });
  const { run } = await test.waitFor(endedRun(id));
  expect(run.error).toBeNull();
  expect(run.result?.accuracyAfter).toBeGreaterThan(0.9);

  const out = join(test.folder, 'packed.safetensors');
  const record = await engine.exports.write({ runId: id, path: out });
  expect(record.layers.map(({ name, codesDifferent }) => [name, codesDifferent])).toEqual(
    layers.map((name) => [name, 0]),
  );
  expect(record.logits?.images).toBe(200);
  expect(record.logits?.accuracy).toBeCloseTo(run.result?.accuracyAfter ?? 0, 1);
  const file = await openSafetensors(out);
  const described = JSON.parse(file.metadata.get('packed.layers') ?? '[]');
  expect(described.map(({ shape }: { shape: number[] }) => shape)).toEqual([
    [8, 1, 3, 3],
    [8, 4, 3, 3],
    [classes, 32],
  ]);
  const inputs = JSON.parse(file.metadata.get('packed.activations') ?? '[]');
  expect(inputs.map(({ grid }: { grid: string }) => grid)).toEqual(['signed', 'unsigned', 'signed']);
  const codes = testAddon().unpackCodes(await readTensorBytes(file, 'c2.qweight'), 8, 36, 4);
  expect(new Set(codes).size).toBeGreaterThan(4);
});

it('binary kernels train by Diode, and GaLore steps in few directions', async () => {
  const { engine } = test;
  const binary = { ...defaultLayerConfig, weight: legalWeight(defaultLayerConfig.weight, { bits: 1 }) };
  await engine.project.configure({ changes: { 'c2.weight': binary } });
  const training = { ...shortTraining, optimizer: 'diode' as const, amplitude: 1e-4, epochs: 2 };
  const plain = await engine.runs.start({ name: null, training });
  const galore = { rank: 1, type: 'std' as const, updateGap: 5, scale: 1 };
  const plainRun = (await test.waitFor(endedRun(plain.id))).run;
  const projected = await engine.runs.start({ name: null, training: { ...training, galore } });
  const projectedRun = (await test.waitFor(endedRun(projected.id))).run;
  for (const run of [plainRun, projectedRun]) expect([run.state, run.error]).toEqual(['finished', null]);
  // One direction a weight is another path than all of them.
  expect(projectedRun.result?.lossAfter).not.toBe(plainRun.result?.lossAfter);
});

it('the same model quantized without training is exported too', async () => {
  const { engine } = test;
  await engine.layers.quantize({ layers: ['c2.weight'] });
  const record = await engine.exports.write({ runId: null, path: join(test.folder, 'model.safetensors') });
  expect(record.layers.map(({ name }) => name)).toEqual(['c2.weight']);
  expect(record.logits?.images).toBe(200);
});

it('kernels are rounded and trained by themselves on captured patches', async () => {
  const { engine } = test;
  const layer = 'c1.weight';
  const calibration = { kind: 'captured' as const, images: 60 };
  const outcome = async () =>
    (await engine.project.current()).project?.model.layers.find(({ name }) => name === layer)?.outcome;
  const weight = legalWeight(defaultLayerConfig.weight, { bits: 2, rounding: 'gptq' });
  await engine.project.configure({ changes: { [layer]: { ...defaultLayerConfig, weight } } });
  await engine.layers.quantize({ layers: [layer], calibration });
  const rounded = await outcome();
  // Noise is hardly correlated from pixel to pixel: there is little for GPTQ to win.
  expect(rounded).toMatchObject({ by: 'gptq', measure: 'output' });
  expect(rounded?.loss).toBeLessThanOrEqual(rounded?.nearest ?? 0);
  await engine.layers.train({ layers: [layer], calibration, training: defaultLayerTraining });
  const trained = await outcome();
  expect(trained?.by).toBe('training');
  // Of this noise training wins nothing either, and what it made is not kept.
  expect(trained?.loss).toBe(trained?.nearest);
  const record = await engine.exports.write({ runId: null, path: join(test.folder, 'rounded.safetensors') });
  expect(record.layers.map(({ name }) => name)).toContain(layer);
  expect(record.logits?.sameDecision).toBe(200);
});

describe('a convolution in groups', () => {
  const layer = 'c2.weight';
  const [rows, cols, groups] = [4, 36, 2];
  const calibration = { kind: 'captured' as const, images: 60 };
  const addon = testAddon();
  let exports = 0;

  async function quantized(change: Partial<WeightQuantizer>) {
    const { engine } = test;
    const weight = legalWeight({ ...defaultLayerConfig.weight, bits: 3 }, change);
    await engine.project.configure({ changes: { [layer]: { ...defaultLayerConfig, weight } } });
    await engine.layers.quantize({ layers: [layer], calibration });
    return { weight, ...(await exported()) };
  }

  async function exported() {
    const { engine } = test;
    exports += 1;
    const path = join(test.folder, `grouped ${exports}.safetensors`);
    const record = await engine.exports.write({ runId: null, path });
    expect(record.logits?.sameDecision).toBe(200);
    const { project } = await engine.project.current();
    const outcome = project?.model.layers.find(({ name }) => name === layer)?.outcome;
    return { file: await openSafetensors(path), outcome };
  }

  function open() {
    const project = projectOf(test);
    return { project, found: project.model.layer(layer) };
  }

  it('captures whole patches: the share of each group is what its kernels see', async () => {
    const { project, found } = open();
    expect(found.input).toEqual({ nonNegative: true, groups });
    const inputs = await layerInputs(addon, project, found, { kind: 'captured', images: 3 });
    // 4 × 4 places of each image behind the pool.
    expect(inputs).toMatchObject({ samples: 48, cols, groups });
    const values = await floats(found);
    const y = oneLayerNetwork(addon, found, values);
    const data = inputsDataset(addon, inputs);
    const made = await y.logits(data, 'fakeQuant');
    for (const part of [y, data]) part.dispose();
    for (let group = 0; group < groups; group += 1) {
      const own = await inputsOfGroup(inputs, group);
      for (const [sample, row] of [
        [0, 0],
        [17, 3],
        [47, 1],
      ] as const) {
        let sum = 0;
        for (let at = 0; at < cols; at += 1) {
          sum += (values[(group * rows + row) * cols + at] ?? 0) * (own[sample * cols + at] ?? 0);
        }
        expect(made[sample * rows * groups + group * rows + row]).toBeCloseTo(sum, 4);
      }
    }
  });

  it.each(['gptq', 'adaround'] as const)(
    '%s chooses the codes of each group by its own Hessian',
    async (rounding) => {
      const { weight, file, outcome } = await quantized({ rounding });
      expect(outcome).toMatchObject({ by: rounding, measure: 'output', inputs: 'captured' });
      const { project, found } = open();
      const inputs = await layerInputs(addon, project, found, calibration);
      const values = await floats(found);
      const stored = await readTensorBytes(file, 'c2.qweight');
      const rowBytes = stored.length / rows / groups;
      const hessians = await Promise.all(
        [0, 1].map(async (group) =>
          addon.ops.hessian(await inputsOfGroup(inputs, group), inputs.samples, cols),
        ),
      );
      const codes = async (group: number, hessian: number) => {
        const part = values.slice(group * rows * cols, (group + 1) * rows * cols);
        const native = toNativeQuantizer(weight);
        const by = hessians[hessian] ?? new Float64Array();
        const made =
          rounding === 'gptq'
            ? await addon.ops.gptq(part, rows, cols, by, native, gptqOptions(weight))
            : await addon.ops.adaround(part, rows, cols, by, native);
        return Buffer.from(made.weight.packed);
      };
      for (let group = 0; group < groups; group += 1) {
        const own = stored.subarray(group * rows * rowBytes, (group + 1) * rows * rowBytes);
        expect(Buffer.compare(own, await codes(group, group))).toBe(0);
        // Another group's Hessian chooses other codes: the test would notice a mix-up.
        expect(Buffer.compare(own, await codes(group, 1 - group))).not.toBe(0);
      }
    },
  );

  it.each(['gptq', 'adaround'] as const)(
    '%s with one scale keeps that of prepare for all groups',
    async (rounding) => {
      const { weight, file, outcome } = await quantized({ rounding, granularity: 'tensor' });
      expect(outcome?.loss).toBeLessThanOrEqual((outcome?.nearest ?? 0) * 1.01);
      const { found } = open();
      const native = toNativeQuantizer(weight);
      const whole = addon.ops.estimateScales(await floats(found), found.rows, cols, native);
      expect(await readFloat32(file, 'c2.scales')).toEqual(whole.scales);
    },
  );

  it('corrects each bias by what its own group sees', async () => {
    const plain = await quantized({ rounding: 'gptq', bits: 2 });
    const { file, outcome } = await quantized({ rounding: 'gptq', bits: 2, correctBias: true });
    expect(outcome?.nearest).toBe(plain.outcome?.nearest);
    expect(outcome?.loss).toBeLessThan(plain.outcome?.loss ?? 0);
    const { project, found } = open();
    const inputs = await layerInputs(addon, project, found, calibration);
    const float = await floats(found);
    const scales = await readFloat32(file, 'c2.scales');
    const codes = addon.unpackCodes(await readTensorBytes(file, 'c2.qweight'), rows * groups, cols, 2);
    const [before, after] = await Promise.all([plain.file, file].map((from) => readFloat32(from, 'c2.bias')));
    for (let row = 0; row < rows * groups; row += 1) {
      const own = await inputsOfGroup(inputs, Math.floor(row / rows));
      const change = own.reduce((sum, x, at) => {
        const place = row * cols + (at % cols);
        return sum + (((codes[place] ?? 0) - 2) * (scales[row] ?? 0) - (float[place] ?? 0)) * x;
      }, 0);
      expect(after?.[row]).toBeCloseTo((before?.[row] ?? 0) - change / inputs.samples, 4);
    }
  });

  it('is trained by itself, with its inputs quantized, and proven', async () => {
    const weight = legalWeight(defaultLayerConfig.weight, { bits: 2 });
    await test.engine.project.configure({ changes: { [layer]: { ...defaultLayerConfig, weight } } });
    const training = { ...defaultLayerTraining, learningRate: 0.003 };
    await test.engine.layers.train({ layers: [layer], calibration, training });
    const { outcome } = await exported();
    expect(outcome?.by).toBe('training');
    expect(outcome?.loss).toBeLessThan((outcome?.nearest ?? 0) * 0.9);
  });

  async function floats({ name, rows: all, cols: width }: ModelLayer): Promise<Float32Array> {
    return open().project.model.withTensor(name, async (tensor) => {
      const values = new Float32Array(all * width);
      tensor.copyTo(values);
      return values;
    });
  }
});
