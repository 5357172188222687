/** Folding and equalising, end to end: what is offered, what the new file holds, and that it is proven. */
import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Graph } from '../contract/index.js';
import { openSafetensors, readFloat32, readTensorBytes, type SafetensorsSource } from '../formats/index.js';
import { planTransforms } from './graph-transforms.js';
import {
  classes,
  features,
  makeTestEngine,
  smallGraph,
  smallTensors,
  type TestEngine,
  uniform,
  writeSmallDataset,
  writeSmallModel,
} from './test-support.js';

const f32 = (name: string, shape: number[], bound: number, seed: number, base = 0): SafetensorsSource => {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return { name, dtype: 'F32', shape, data: uniform(size, bound, seed).map((value) => value + base) };
};

/** Statistics as training leaves them: channels far apart. */
const norm = (name: string, channels: number, seed: number): SafetensorsSource[] => [
  f32(`${name}.gamma`, [channels], 0.9, seed, 1),
  f32(`${name}.beta`, [channels], 0.3, seed + 1),
  f32(`${name}.mean`, [channels], 0.5, seed + 2),
  f32(`${name}.var`, [channels], 0.95, seed + 3, 1),
];

const batchNorm = (name: string, more: object = {}) => ({
  op: 'batchNorm' as const,
  gamma: `${name}.gamma`,
  beta: `${name}.beta`,
  runningMean: `${name}.mean`,
  runningVar: `${name}.var`,
  ...more,
});

/** Convolution with batch norm, a depthwise one, a branch, and a batch norm behind a sum. */
const convGraph: Graph = {
  version: 1,
  input: { features, shape: [1, 8, 8], mean: 0.35, std: 0.3 },
  classes,
  nodes: [
    { op: 'conv2d', weight: 'c1.weight', bias: null, padding: 1 },
    batchNorm('n1'),
    { op: 'relu' },
    { op: 'conv2d', weight: 'dw.weight', bias: 'dw.bias', padding: 1, groups: 8 },
    batchNorm('n2', { name: 'second' }),
    { op: 'prelu', slope: 'slope', inputs: ['second'] },
    { op: 'conv2d', name: 'point', weight: 'c2.weight', bias: 'c2.bias' },
    { op: 'conv2d', name: 'branch', weight: 'c3.weight', bias: null, padding: 1 },
    { op: 'add', inputs: ['point', 'branch'] },
    batchNorm('n3'),
    { op: 'relu' },
    { op: 'maxPool2d', kernel: 2 },
    { op: 'conv2d', weight: 'c4.weight', bias: 'c4.bias' },
    { op: 'avgPool2d', kernel: 2 },
    { op: 'flatten' },
    { op: 'linear', weight: 'fc.weight', bias: 'fc.bias' },
  ],
};

const convTensors = (): SafetensorsSource[] => [
  f32('c1.weight', [8, 1, 3, 3], 0.5, 1),
  ...norm('n1', 8, 20),
  f32('dw.weight', [8, 1, 3, 3], 0.5, 2),
  f32('dw.bias', [8], 0.1, 3),
  ...norm('n2', 8, 30),
  f32('slope', [8], 0.2, 4, 0.25),
  f32('c2.weight', [6, 8, 1, 1], 0.5, 5),
  f32('c2.bias', [6], 0.1, 6),
  f32('c3.weight', [6, 6, 3, 3], 0.3, 7),
  ...norm('n3', 6, 40),
  f32('c4.weight', [5, 6, 1, 1], 0.5, 8),
  f32('c4.bias', [5], 0.1, 9),
  f32('fc.weight', [classes, 20], 0.5, 10),
  f32('fc.bias', [classes], 0.1, 11),
];

const linearTensors = () => [
  ...smallTensors().filter(({ name }) => !name.startsWith('bn1')),
  ...norm('bn1', 48, 50),
];

let test: TestEngine;
beforeAll(async () => {
  test = await makeTestEngine();
});
afterAll(() => test.end());

async function openLinear(name: string) {
  const path = await writeSmallModel(join(test.folder, name), linearTensors());
  await test.engine.project.openModel({ path });
  return path;
}

describe('a network of linear layers', () => {
  it('offers its batch norm and both pairs, the first only with the batch norm folded', async () => {
    await openLinear('plan.safetensors');
    expect(await test.engine.transforms.plan()).toEqual({
      folds: [{ norm: 'bn1.gamma', layer: 'fc1.weight', reason: null }],
      pairs: [
        { from: 'fc1.weight', to: 'fc2.weight', through: ['relu'], needs: ['bn1.gamma'], reason: null },
        { from: 'fc2.weight', to: 'fc3.weight', through: ['relu'], needs: [], reason: null },
      ],
      reason: null,
    });
    const alone = { folds: [], pairs: ['fc1.weight'] };
    await expect(test.engine.transforms.try(alone)).rejects.toMatchObject({ code: 'E-REQUEST-INVALID' });
    await expect(test.engine.transforms.try({ folds: [], pairs: [] })).rejects.toMatchObject({
      code: 'E-REQUEST-INVALID',
    });
  });

  it('writes the folded weight of the formula, proves it on drawn inputs, and leaves the model as it is', async () => {
    const path = await openLinear('linear.safetensors');
    const bytes = await readFile(path);
    const out = join(test.folder, 'linear-folded.safetensors');
    const record = await test.engine.transforms.write({
      choice: { folds: ['bn1.gamma'], pairs: [] },
      path: out,
    });
    expect(record).toMatchObject({
      folded: 1,
      equalized: 0,
      inputs: 'drawn',
      samples: 256,
      sameDecision: 256,
    });
    expect(record.maxDifference).toBeLessThan(record.tolerance);
    expect(await readFile(path)).toEqual(bytes);

    const [before, after] = [await openSafetensors(path), await openSafetensors(out)];
    expect(after.tensors.has('bn1.gamma')).toBe(false);
    expect(await readTensorBytes(after, 'steps')).toEqual(await readTensorBytes(before, 'steps'));
    const graph: Graph = JSON.parse(after.metadata.get('qat.graph') ?? '');
    expect(graph.nodes).toEqual(smallGraph.nodes.filter(({ op }) => op !== 'batchNorm'));
    const read = (name: string) => readFloat32(before, name);
    const [w, b, gamma, beta, mean, variance] = await Promise.all(
      ['fc1.weight', 'fc1.bias', 'bn1.gamma', 'bn1.beta', 'bn1.mean', 'bn1.var'].map(read),
    );
    const made = { w: await readFloat32(after, 'fc1.weight'), b: await readFloat32(after, 'fc1.bias') };
    for (const row of [0, 17, 47]) {
      const k = (gamma?.[row] ?? 0) / Math.sqrt((variance?.[row] ?? 0) + 1e-5);
      expect(made.w[row * features + 5]).toBeCloseTo(k * (w?.[row * features + 5] ?? 0), 6);
      expect(made.b[row]).toBeCloseTo(k * ((b?.[row] ?? 0) - (mean?.[row] ?? 0)) + (beta?.[row] ?? 0), 5);
    }
    const state = await test.engine.project.openModel({ path: out });
    expect(state.model.layers.every(({ trainable }) => trainable)).toBe(true);
  });

  it('equalises a chain as one: both sides of each channel have one range', async () => {
    const path = await openLinear('chain.safetensors');
    const out = join(test.folder, 'chain-equal.safetensors');
    const choice = { folds: ['bn1.gamma'], pairs: ['fc1.weight', 'fc2.weight'] };
    const tried = await test.engine.transforms.try(choice);
    const record = await test.engine.transforms.write({ choice, path: out });
    expect(record.layers).toEqual(tried.layers);
    expect(record.layers.map(({ layer }) => layer)).toEqual(['fc1.weight', 'fc2.weight', 'fc3.weight']);
    expect(record.sameDecision).toBe(record.samples);
    const file = await openSafetensors(out);
    const [w1, w2] = [await readFloat32(file, 'fc1.weight'), await readFloat32(file, 'fc2.weight')];
    const largest = (values: Float32Array) =>
      values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (const channel of [0, 20, 47]) {
      const row = largest(w1.subarray(channel * features, (channel + 1) * features));
      const column = largest(w2.filter((_, at) => at % 48 === channel));
      expect(row / column).toBeCloseTo(1, 4);
    }
    expect(await test.engine.project.openModel({ path })).toBeTruthy();
  });

  it('a file that does not compute the same is refused and not left behind', async () => {
    await openLinear('damaged.safetensors');
    const folder = await readdir(test.folder);
    const out = join(test.folder, 'never.safetensors');
    const choice = { folds: ['bn1.gamma'], pairs: [] };
    const damage = async (temporaryPath: string) => {
      const file = await openSafetensors(temporaryPath);
      const at = file.dataStart + (file.tensors.get('fc3.weight')?.begin ?? 0);
      const handle = await open(temporaryPath, 'r+');
      await handle.write(new Uint8Array(Float32Array.of(3).buffer), 0, 4, at);
      await handle.close();
    };
    await expect(test.engine.transforms.write({ choice, path: out }, {}, damage)).rejects.toMatchObject({
      code: 'E-TRANSFORM-PROOF',
    });
    expect(await readdir(test.folder)).toEqual(folder);
  });

  it('never writes over the model, and stops when cancelled', async () => {
    const path = await openLinear('kept.safetensors');
    const choice = { folds: ['bn1.gamma'], pairs: [] };
    await expect(test.engine.transforms.write({ choice, path })).rejects.toMatchObject({
      code: 'E-REQUEST-INVALID',
    });
    const out = join(test.folder, 'cancelled.safetensors');
    const cancel = new AbortController();
    const stopped = test.engine.transforms.write({ choice, path: out }, { signal: cancel.signal }, async () =>
      cancel.abort(),
    );
    await expect(stopped).rejects.toMatchObject({ code: 'E-CANCELLED' });
    expect(await readdir(test.folder)).not.toContain('cancelled.safetensors');
  });

  it('a file without a graph offers nothing and says why', async () => {
    const path = await writeSmallModel(join(test.folder, 'bare.safetensors'), smallTensors(), null);
    await test.engine.project.openModel({ path });
    const plan = await test.engine.transforms.plan();
    expect([plan.folds, plan.pairs]).toEqual([[], []]);
    expect(plan.reason).toContain('does not describe its network');
  });
});

describe('a convolutional network', () => {
  it('folds and equalises through PReLU and pooling, a depthwise convolution too, and not through a branch', async () => {
    const path = await writeSmallModel(join(test.folder, 'conv.safetensors'), convTensors(), convGraph);
    await test.engine.project.openModel({ path });
    const data = join(test.folder, 'data');
    await mkdir(data);
    await writeSmallDataset(data);
    await test.engine.project.openDataset({ path: data });
    const plan = await test.engine.transforms.plan();
    expect(plan.folds).toEqual([
      { norm: 'n1.gamma', layer: 'c1.weight', reason: null },
      { norm: 'n2.gamma', layer: 'dw.weight', reason: null },
      { norm: 'n3.gamma', layer: null, reason: expect.stringContaining('behind add') },
    ]);
    expect(plan.pairs.map(({ from, to, through }) => [from, to, through.join()])).toEqual([
      ['c1.weight', 'dw.weight', 'relu'],
      ['dw.weight', 'c2.weight', 'prelu'],
      ['c2.weight', null, ''],
      ['c3.weight', null, ''],
      ['c4.weight', 'fc.weight', 'avgPool2d,flatten'],
    ]);
    expect(plan.pairs[2]?.reason).toContain('goes to 2 nodes: conv2d, add');

    const out = join(test.folder, 'conv-equal.safetensors');
    const choice = {
      folds: ['n1.gamma', 'n2.gamma'],
      pairs: ['c1.weight', 'dw.weight', 'c4.weight'],
    };
    const record = await test.engine.transforms.write({ choice, path: out });
    expect(record).toMatchObject({
      inputs: 'test',
      samples: 200,
      sameDecision: 200,
      folded: 2,
      equalized: 3,
    });
    const file = await openSafetensors(out);
    const graph: Graph = JSON.parse(file.metadata.get('qat.graph') ?? '');
    expect(graph.nodes.filter(({ op }) => op === 'batchNorm')).toHaveLength(1);
    // c1 had no bias: the batch norm gave it one.
    expect(graph.nodes[0]).toMatchObject({ weight: 'c1.weight', bias: 'c1.bias' });
    expect(file.tensors.get('c1.bias')?.shape).toEqual([8]);
    expect(file.tensors.get('dw.weight')?.shape).toEqual([8, 1, 3, 3]);
    const state = await test.engine.project.openModel({ path: out });
    expect(state.trainingReason).toContain('No data set');
  });
});

it('the sample, equalised, decides alike and quantizes better where it is one scale per tensor', async () => {
  await test.engine.project.openSample();
  const out = join(test.folder, 'sample-equal.safetensors');
  const choice = { folds: [], pairs: ['fc1.weight', 'fc2.weight'] };
  const record = await test.engine.transforms.write({ choice, path: out });
  expect(record).toMatchObject({ inputs: 'test', samples: 2000, sameDecision: 2000, equalized: 2 });
  expect(record.maxDifference).toBeLessThan(record.tolerance / 10);
  expect(record.outputDb.after ?? 0).toBeGreaterThan((record.outputDb.before ?? 0) + 0.5);
  const [first, , last] = record.layers;
  for (const layer of [first, last]) {
    expect(layer?.after.rangeRatio).toBeLessThan(layer?.before.rangeRatio ?? 0);
    expect(layer?.after.sqnrDb ?? 0).toBeGreaterThan(layer?.before.sqnrDb ?? 0);
  }
});

describe('what lies between', () => {
  const shapes = new Map(
    [
      ['a', [4, 4]],
      ['b', [4, 4]],
      ['s', [4]],
      ...['gamma', 'beta', 'mean', 'var'].map((part) => [`n.${part}`, [4]] as const),
    ].map(([name, shape]) => [name as string, { shape: shape as number[], isFloat: true }]),
  );
  const network = (nodes: Graph['nodes']): Graph => ({
    version: 1,
    input: { features: 4, mean: 0, std: 1, name: 'x' },
    classes: 4,
    nodes,
  });
  const a = { op: 'linear' as const, name: 'a', weight: 'a', bias: null };
  const b = { op: 'linear' as const, weight: 'b', bias: null };

  it.each([
    ['GELU', network([a, { op: 'gelu' }, b]), 'Behind it: gelu'],
    ['a batch norm behind a ReLU', network([a, { op: 'relu' }, batchNorm('n'), b]), 'cannot be folded'],
    ['a shifted input', network([a, { ...b, inputShift: 's' }]), 'shifts its inputs'],
    [
      'a branch',
      network([a, { op: 'relu', name: 'r' }, { ...b, name: 'b' }, { op: 'add', inputs: ['r', 'b'] }]),
      'goes to 2 nodes: linear, add behind relu',
    ],
  ])('%s is no pair', (_what, graph, reason) => {
    const [first] = planTransforms(graph, shapes).pairs;
    expect(first).toMatchObject({ from: 'a', to: null });
    expect(first?.reason).toContain(reason);
  });

  it.each([
    ['at the input', network([batchNorm('n'), a, b]), 'no layer before it'],
    ['behind a ReLU', network([a, { op: 'relu' }, batchNorm('n'), b]), 'behind relu'],
    [
      'where the layer is taken from elsewhere too',
      network([a, batchNorm('n', { name: 'n' }), { op: 'add', inputs: ['a', 'n'] }]),
      'goes to 2 nodes',
    ],
  ])('a batch norm %s is not folded', (_what, graph, reason) => {
    const [fold] = planTransforms(graph, shapes).folds;
    expect(fold).toMatchObject({ layer: null });
    expect(fold?.reason).toContain(reason);
  });
});
