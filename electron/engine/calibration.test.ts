/** The inputs that rounding and layer-wise training look at: captured, drawn, or from a file; and what is refused. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Calibration,
  defaultDrawn,
  defaultLayerConfig,
  defaultLayerTraining,
  legalWeight,
  type QatError,
} from '../contract/index.js';
import { writeSafetensors } from '../formats/index.js';
import { layerInputs } from './calibration.js';
import {
  makeSmallProject,
  makeTestEngine,
  projectOf,
  smallTensors,
  type TestEngine,
  testAddon,
  uniform,
  writeSmallModel,
} from './test-support.js';

let test: TestEngine;
beforeAll(async () => {
  test = await makeSmallProject();
});
afterAll(() => test.end());
beforeEach(() => test.engine.layers.reset({ layers: ['fc1.weight', 'fc2.weight', 'fc3.weight'] }));

const layer = 'fc2.weight';
const cols = 48;
const captured: Calibration = { kind: 'captured', images: 300 };
const drawn: Calibration = { ...defaultDrawn, samples: 200 };
const addon = testAddon();

const open = () => projectOf(test);

/** A file of inputs, by its name's end. */
async function written(name: string, data: Float32Array, width = cols): Promise<string> {
  const path = join(test.folder, name);
  const shape = [data.length / width, width];
  if (!name.endsWith('.npy')) {
    await writeSafetensors(path, [{ name: 'x', dtype: 'F32', shape, data }]);
    return path;
  }
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')}), }`.padEnd(117);
  const start = Buffer.from(`\x93NUMPY\x01\x00\x76\x00${header}\n`, 'latin1');
  await writeFile(path, Buffer.concat([start, Buffer.from(data.buffer, data.byteOffset, data.byteLength)]));
  return path;
}

describe('the inputs of a layer', () => {
  const inputs = (calibration: Calibration) =>
    layerInputs(addon, open(), open().model.layer(layer), calibration);

  it('captured are those of the float network: ReLU of batch norm of fc1', async () => {
    const { values, samples } = await inputs({ kind: 'captured', images: 5 });
    const first = await layerInputs(addon, open(), open().model.layer('fc1.weight'), {
      kind: 'captured',
      images: 5,
    });
    const tensor = (name: string, count: number) =>
      open().model.withTensor(name, async (held) => {
        const target = new Float32Array(count);
        held.copyTo(target);
        return target;
      });
    const weight = await tensor('fc1.weight', 48 * 64);
    const bias = await tensor('fc1.bias', 48);
    expect(samples).toBe(5);
    for (let sample = 0; sample < 5; sample += 1) {
      for (let out = 0; out < 48; out += 1) {
        let sum = bias[out] ?? 0;
        for (let at = 0; at < 64; at += 1) {
          sum += (weight[out * 64 + at] ?? 0) * (first.values[sample * 64 + at] ?? 0);
        }
        // Running mean 0 and variance 1, gamma 1 and beta 0.
        expect(values[sample * 48 + out]).toBeCloseTo(Math.max(0, sum / Math.sqrt(1 + 1e-5)), 4);
      }
    }
  });

  it('drawn follow the stated distribution, and the seed alone', async () => {
    const normal: Calibration = {
      kind: 'drawn',
      samples: 4000,
      distribution: { kind: 'normal', mean: 2, std: 3 },
      seed: 5,
    };
    const { values } = await inputs(normal);
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
    const within = values.filter((x) => Math.abs(x - 2) < 3).length / values.length;
    expect(mean).toBeCloseTo(2, 1);
    expect(Math.sqrt(variance)).toBeCloseTo(3, 1);
    expect(within).toBeCloseTo(0.6827, 2);
    expect((await inputs(normal)).values).toEqual(values);
    expect((await inputs({ ...normal, seed: 6 })).values).not.toEqual(values);
    const flat = await inputs({ ...normal, distribution: { kind: 'uniform', min: -1, max: 3 } });
    expect(Math.min(...flat.values.slice(0, 5000))).toBeGreaterThanOrEqual(-1);
    expect(flat.values.reduce((sum, x) => sum + x, 0) / flat.values.length).toBeCloseTo(1, 1);
  });

  it('drawn by default are never negative where the graph says that none arrive, else around 0', async () => {
    const behindRelu = (await inputs(drawn)).values;
    expect(behindRelu.every((x) => x >= 0)).toBe(true);
    expect(behindRelu.reduce((sum, x) => sum + x, 0) / behindRelu.length).toBeCloseTo(
      Math.sqrt(2 / Math.PI),
      1,
    );
    const first = await layerInputs(addon, open(), open().model.layer('fc1.weight'), drawn);
    expect(first.values.filter((x) => x < 0).length / first.values.length).toBeCloseTo(0.5, 1);
    const asked: Calibration = { ...drawn, distribution: { kind: 'normal', mean: 0, std: 1 } };
    expect((await inputs(asked)).values.some((x) => x < 0)).toBe(true);
  });

  it('from files are what was written', async () => {
    for (const name of ['x.safetensors', 'x.npy']) {
      const data = uniform(10 * cols, 1, 9);
      const path = await written(name, data);
      expect(await test.engine.layers.checkInputsFile(path, [layer])).toEqual({
        path,
        samples: 10,
        width: cols,
      });
      expect(await inputs({ kind: 'file', path })).toMatchObject({
        source: 'file',
        values: data,
        samples: 10,
      });
    }
  });

  it('in a file that does not fit are refused when it is chosen, and when it is used', async () => {
    const broken = uniform(10 * cols, 1, 9);
    broken[3 * cols + 7] = Number.NaN;
    const data = uniform(16 * cols, 1, 9);
    const two = join(test.folder, 'two.safetensors');
    const f32 = { dtype: 'F32', shape: [16, cols], data } as const;
    await writeSafetensors(two, [
      { name: 'x', ...f32 },
      { name: 'y', ...f32 },
    ]);
    const wide = join(test.folder, 'f64.safetensors');
    await writeSafetensors(wide, [
      { name: 'x', dtype: 'F64', shape: [16, cols], data: Float64Array.from(data) },
    ]);
    const wrong = [
      [await written('narrow.npy', data, cols / 2), 'E-DATASET-MISMATCH', /24 values per sample.*takes 48/],
      [await written('few.npy', uniform(7 * cols, 1, 9)), 'E-DATASET-MISMATCH', /7 samples, fewer than 8/],
      [await written('nan.npy', broken), 'E-FILE-UNREADABLE', /sample 3, value 7/],
      [two, 'E-SAFETENSORS-SHAPE', /2 matrices/],
      [wide, 'E-SAFETENSORS-DTYPE', /F64/],
      [join(test.folder, 'missing.npy'), 'E-FILE-MISSING', /missing/],
    ] as const;
    for (const [path, code, message] of wrong) {
      const refusal = { code, message: expect.stringMatching(message), remedy: expect.stringMatching(/./) };
      const chosen = test.engine.layers.checkInputsFile(path, [layer]);
      await expect(chosen, path).rejects.toMatchObject(refusal);
      await expect(inputs({ kind: 'file', path }), path).rejects.toMatchObject(refusal);
    }
    await writeFile(join(test.folder, 'other.npy'), 'nothing');
    const other = test.engine.layers.checkInputsFile(join(test.folder, 'other.npy'), [layer]);
    await expect(other).rejects.toMatchObject({ code: 'E-FILE-FORMAT-UNKNOWN' });
  });

  it('that fit the first layer alone are refused before it is touched', async () => {
    const path = await written('first.npy', uniform(16 * 64, 1, 9), 64);
    const weight = legalWeight(defaultLayerConfig.weight, { bits: 3, rounding: 'gptq' });
    const layers = ['fc1.weight', layer];
    const config = { ...defaultLayerConfig, weight };
    await test.engine.project.configure({
      changes: Object.fromEntries(layers.map((name) => [name, config])),
    });
    const calibration: Calibration = { kind: 'file', path };
    await expect(test.engine.layers.quantize({ layers, calibration })).rejects.toMatchObject({
      code: 'E-DATASET-MISMATCH',
    });
    const { project } = await test.engine.project.current();
    expect(project?.model.layers.map(({ state }) => state)).toEqual(['float', 'float', 'float']);
  });

  it('that cannot be captured say why, and advise what helps', async () => {
    const other = await makeTestEngine();
    const refusal = async (name: string) => {
      const training = { ...defaultLayerTraining, epochs: 1 };
      const train = other.engine.layers.train({ layers: [name], calibration: captured, training });
      return train.then(
        () => expect.unreachable(),
        ({ code, message, remedy }: QatError) => ({ code, message, remedy }),
      );
    };
    const stray = { name: 'stray.weight', dtype: 'F32', shape: [4, 8], data: uniform(32, 1, 1) } as const;
    const tensors = [...smallTensors(), stray];
    await other.engine.project.openModel({
      path: await writeSmallModel(join(other.folder, 'graph.safetensors'), tensors),
    });
    const noData = await refusal(layer);
    expect(noData).toMatchObject({
      code: 'E-TRAINING-UNAVAILABLE',
      remedy: expect.stringMatching(/^Open a data set/),
    });
    expect((await refusal('stray.weight')).message).toMatch(/no part of the network/);
    expect((await refusal('stray.weight')).remedy).not.toMatch(/data set/);
    const plain = join(other.folder, 'plain.safetensors');
    await writeSafetensors(plain, tensors);
    await other.engine.project.openModel({ path: plain });
    const noGraph = await refusal(layer);
    expect(noGraph.message).toMatch(/does not describe its network/);
    expect(noGraph.remedy).toMatch(/^Choose a file of inputs, or draw them/);
    await other.end();
  });
});
