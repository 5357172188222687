/** Bits within a budget: the least error of all combinations, measured as the formulas say. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Allocation,
  type AllocationInput,
  type Calibration,
  defaultLayerConfig,
  type Graph,
  legalWeight,
  packedBytes,
} from '../contract/index.js';
import { layerInputs } from './calibration.js';
import { inputsOfGroup } from './layer-inputs.js';
import { toNativeQuantizer } from './quantizers.js';
import {
  classes,
  features,
  makeTestEngine,
  type TestEngine,
  testAddon,
  uniform,
  writeSmallDataset,
  writeSmallModel,
} from './test-support.js';

const choices: AllocationInput['choices'] = [2, 3, 4, 8];
const drawn: Calibration = {
  kind: 'drawn',
  samples: 200,
  distribution: { kind: 'normal', mean: 0.5, std: 1 },
  seed: 3,
};
const input = (change: Partial<AllocationInput>): AllocationInput => ({
  budget: { kind: 'bits', bits: 3.5 },
  choices,
  fixed: [],
  inputs: null,
  relative: false,
  ...change,
});

let test: TestEngine;
beforeAll(async () => {
  test = await makeTestEngine();
  await test.engine.project.openModel({
    path: await writeSmallModel(join(test.folder, 'model.safetensors')),
  });
});
afterAll(() => test.end());

const open = () => {
  const project = test.engine.project.open;
  if (!project) throw new Error('no project');
  return project;
};

const quantizer = (bits: (typeof choices)[number]) => legalWeight(defaultLayerConfig.weight, { bits });

/** D = Ŵ − W by single operations. */
function difference(values: Float32Array, rows: number, cols: number, bits: (typeof choices)[number]) {
  const { ops } = testAddon();
  const native = toNativeQuantizer(quantizer(bits));
  const scales = ops.estimateScales(values, rows, cols, native);
  const numbers = { ...scales, qmin: -(2 ** (bits - 1)), qmax: 2 ** (bits - 1) - 1 };
  return ops.fakeQuant(values, rows, cols, numbers).map((value, at) => value - (values[at] ?? 0));
}

/** Every combination of one choice per layer. */
function* combinations<T>(lists: readonly (readonly T[])[]): Generator<T[]> {
  const [first, ...rest] = lists;
  if (!first) {
    yield [];
    return;
  }
  for (const head of first) for (const tail of combinations(rest)) yield [head, ...tail];
}

const proposedBits = ({ layers }: Allocation) => layers.map(({ proposed }) => proposed.bits);

describe('of the weights alone', () => {
  it.each([40_000, 2_600, 2_000, 1_600])(
    'within %i bytes no combination has a lower error',
    async (bytes) => {
      const lists = await Promise.all(
        open().model.content.layers.map(async ({ name, rows, cols }) => {
          const values = await open().model.valuesOf(name);
          return choices.map((bits) => ({
            bits,
            error: difference(values, rows, cols, bits).reduce((sum, d) => sum + d * d, 0),
            bytes: packedBytes(quantizer(bits), rows, cols),
          }));
        }),
      );
      const sum = (picked: { error: number; bytes: number }[], of: 'error' | 'bytes') =>
        picked.reduce((total, part) => total + part[of], 0);
      const allowed = [...combinations(lists)].filter((picked) => sum(picked, 'bytes') <= bytes);
      const best = Math.min(...allowed.map((picked) => sum(picked, 'error')));
      const found = await test.engine.allocation.allocate(input({ budget: { kind: 'bytes', bytes } }));
      expect(found).toMatchObject({ measure: 'weight', exact: true });
      expect(found.proposed.bytes).toBeLessThanOrEqual(bytes);
      expect(found.proposed.error).toBeCloseTo(best, 6);
      expect(found.proposed.error / best).toBeCloseTo(1, 4);
    },
  );

  it('the mean of the bits keeps to the budget, and fixed layers keep theirs', async () => {
    const budget = { kind: 'bits', bits: 3.4 } as const;
    const free = await test.engine.allocation.allocate(input({ budget }));
    expect(free.proposed.bits).toBeLessThanOrEqual(3.4);
    const kept = await test.engine.allocation.allocate(input({ budget, fixed: ['fc1.weight'] }));
    expect(kept.layers[0]).toMatchObject({ fixed: 'kept as it is', now: { bits: 4, error: null } });
    expect(proposedBits(kept)[0]).toBe(4);
    expect(kept.proposed.bits).toBeLessThanOrEqual(3.4);
  });

  it('says the least that is possible, and that something must be free', async () => {
    const narrow = input({ budget: { kind: 'bits', bits: 1.5 } });
    await expect(test.engine.allocation.allocate(narrow)).rejects.toMatchObject({
      code: 'E-REQUEST-INVALID',
      message: expect.stringContaining('2.00 bits a weight'),
    });
    const fixed = open().model.content.layers.map(({ name }) => name);
    await expect(test.engine.allocation.allocate(input({ fixed }))).rejects.toMatchObject({
      message: expect.stringContaining('nothing to allocate'),
    });
  });

  it('the curve falls, and meets the uniform bits or beats them', async () => {
    const { curve, uniform: alike } = await test.engine.allocation.allocate(input({}));
    for (const [at, point] of curve.entries()) {
      if (at > 0) expect(point.error).toBeLessThanOrEqual(curve[at - 1]?.error ?? 0);
    }
    expect(alike.map(({ of, bits }) => [of, bits])).toEqual(choices.map((bits) => [bits, bits]));
    expect(curve.at(-1)?.error).toBeCloseTo(alike.at(-1)?.error ?? 0, 9);
    const four = alike.find(({ of }) => of === 4);
    const found = await test.engine.allocation.allocate(input({ budget: { kind: 'bits', bits: 4 } }));
    expect(found.proposed.error).toBeLessThanOrEqual(four?.error ?? 0);
  });
});

describe('of the outputs', () => {
  /** ½ Σ_rows d·H·dᵀ. */
  const hessianLoss = async (d: Float32Array, values: Float32Array, samples: number, cols: number) => {
    const h = await testAddon().ops.hessian(values, samples, cols);
    let sum = 0;
    for (let row = 0; row < d.length / cols; row += 1) {
      for (let i = 0; i < cols; i += 1) {
        for (let j = 0; j < cols; j += 1) {
          sum += (d[row * cols + i] ?? 0) * (h[i * cols + j] ?? 0) * (d[row * cols + j] ?? 0);
        }
      }
    }
    return sum / 2;
  };

  it('the error is that of the Hessian of the drawn inputs', async () => {
    const found = await test.engine.allocation.allocate(input({ inputs: drawn }));
    expect(found.measure).toBe('output');
    for (const { layer, proposed } of found.layers) {
      const model = open().model.layer(layer);
      const { values, samples } = await layerInputs(testAddon(), open(), model, drawn);
      const bits = proposed.bits as (typeof choices)[number];
      const d = difference(await open().model.valuesOf(layer), model.rows, model.cols, bits);
      const expected = await hessianLoss(d, values, samples, model.cols);
      expect((proposed.error ?? 0) / expected).toBeCloseTo(1, 3);
    }
  });

  it('relative errors are shares of the output’s power', async () => {
    const found = await test.engine.allocation.allocate(input({ inputs: drawn, relative: true }));
    const shares = found.layers.map(({ proposed, power }) => (proposed.error ?? 0) / (power ?? 1));
    expect(found.proposed.error).toBeCloseTo(
      shares.reduce((sum, share) => sum + share, 0),
      9,
    );
  });

  it('captured inputs need a data set; with one, each group of a convolution has its own', async () => {
    const captured = input({ inputs: { kind: 'captured', images: 20 } });
    await expect(test.engine.allocation.allocate(captured)).rejects.toMatchObject({
      code: 'E-TRAINING-UNAVAILABLE',
    });
    const graph: Graph = {
      version: 1,
      input: { features, shape: [1, 8, 8], mean: 0.35, std: 0.3 },
      classes,
      nodes: [
        { op: 'conv2d', weight: 'c1.weight', bias: null, padding: 1 },
        { op: 'relu' },
        { op: 'conv2d', weight: 'dw.weight', bias: null, groups: 4 },
        { op: 'avgPool2d', kernel: 6 },
        { op: 'flatten' },
      ],
    };
    const tensors = [
      { name: 'c1.weight', dtype: 'F32' as const, shape: [4, 1, 3, 3], data: uniform(36, 0.5, 1) },
      { name: 'dw.weight', dtype: 'F32' as const, shape: [4, 1, 3, 3], data: uniform(36, 0.5, 2) },
    ];
    const path = await writeSmallModel(join(test.folder, 'groups.safetensors'), tensors, graph);
    await test.engine.project.openModel({ path });
    await mkdir(join(test.folder, 'data'));
    await writeSmallDataset(join(test.folder, 'data'));
    await test.engine.project.openDataset({ path: join(test.folder, 'data') });
    const found = await test.engine.allocation.allocate(captured);
    const layer = open().model.layer('dw.weight');
    const groups = await layerInputs(testAddon(), open(), layer, { kind: 'captured', images: 20 });
    expect(groups.groups).toBe(4);
    const bits = found.layers[1]?.proposed.bits as (typeof choices)[number];
    const d = difference(await open().model.valuesOf('dw.weight'), 4, 9, bits);
    let expected = 0;
    for (let group = 0; group < 4; group += 1) {
      const { samples } = groups;
      const values = await inputsOfGroup(groups, group);
      expect(samples).toBe(20 * 36);
      expected += await hessianLoss(d.slice(group * 9, (group + 1) * 9), values, samples, 9);
    }
    expect((found.layers[1]?.proposed.error ?? 0) / expected).toBeCloseTo(1, 3);
  });
});
