/** A model file with a product of two nodes, a named input and a learned input shift, end to end. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { defaultLayerConfig, type Graph } from '../contract/index.js';
import { openSafetensors, readFloat32, type SafetensorsSource } from '../formats/index.js';
import {
  classes,
  endedRun,
  features,
  makeTestEngine,
  shortTraining,
  type TestEngine,
  uniform,
  writeSmallDataset,
  writeSmallModel,
} from './test-support.js';

/** The rows of an image weigh each other: x·(x·Wᵀ)ᵀ. */
const graph: Graph = {
  version: 1,
  input: { features, shape: [8, 8], name: 'x', mean: 0.35, std: 0.3 },
  classes,
  nodes: [
    { op: 'linear', name: 'q', weight: 'q.weight', bias: null, inputShift: 'q.shift' },
    { op: 'matmul', inputs: ['x', 'q'], transposed: true },
    { op: 'layerNorm', gamma: 'n.gamma', beta: 'n.beta' },
    { op: 'flatten' },
    { op: 'linear', weight: 'fc.weight', bias: 'fc.bias' },
  ],
};
const tensors: SafetensorsSource[] = [
  { name: 'q.weight', dtype: 'F32', shape: [8, 8], data: uniform(64, 0.4, 1) },
  { name: 'q.shift', dtype: 'F32', shape: [8], data: new Float32Array(8) },
  { name: 'n.gamma', dtype: 'F32', shape: [8], data: new Float32Array(8).fill(1) },
  { name: 'n.beta', dtype: 'F32', shape: [8], data: new Float32Array(8) },
  { name: 'fc.weight', dtype: 'F32', shape: [classes, 64], data: uniform(classes * 64, 0.4, 2) },
  { name: 'fc.bias', dtype: 'F32', shape: [classes], data: new Float32Array(classes) },
];

let test: TestEngine;
beforeAll(async () => {
  test = await makeTestEngine();
  await mkdir(join(test.folder, 'data'));
  await writeSmallDataset(join(test.folder, 'data'));
});
afterAll(() => test.end());

it('trains, and its export is proven with the shift that was learned', async () => {
  const { engine } = test;
  const path = await writeSmallModel(join(test.folder, 'product.safetensors'), tensors, graph);
  await engine.project.openModel({ path });
  await engine.project.openDataset({ path: join(test.folder, 'data') });
  const layers = ['q.weight', 'fc.weight'];
  const changes = Object.fromEntries(layers.map((layer) => [layer, defaultLayerConfig]));
  await engine.project.configure({ changes });
  const training = { ...shortTraining, learningRate: 0.01, epochs: 6 };
  const { id } = await engine.runs.start({ name: null, training });
  const { run } = await test.waitFor(endedRun(id));
  expect(run.error).toBeNull();
  expect(run.result?.accuracyAfter).toBeGreaterThan(0.8);

  const out = join(test.folder, 'packed.safetensors');
  const record = await engine.exports.write({ runId: id, path: out });
  expect(record.layers.map(({ codesDifferent }) => codesDifferent)).toEqual([0, 0]);
  expect(record.logits?.accuracy).toBeCloseTo(run.result?.accuracyAfter ?? 0, 1);
  const shift = await readFloat32(await openSafetensors(out), 'q.shift');
  expect(shift.some((value) => value !== 0)).toBe(true);
});
