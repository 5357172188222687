/** A small convolutional model file, end to end: opened, quantized, trained, exported and proven. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { defaultLayerConfig, defaultLayerTraining, type Graph, legalWeight } from '../contract/index.js';
import { openSafetensors, readTensorBytes, type SafetensorsSource } from '../formats/index.js';
import {
  classes,
  endedRun,
  features,
  makeTestEngine,
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

it('kernels are rounded and trained by themselves on captured patches; groups have no common ones', async () => {
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
  const grouped = { layers: ['c2.weight'], calibration, training: defaultLayerTraining };
  await expect(engine.layers.train(grouped)).rejects.toMatchObject({ code: 'E-LAYER-STATE' });
});
