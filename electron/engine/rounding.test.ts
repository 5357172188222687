/** Quantizing by a chosen rounding and training layers by themselves: what is made, kept, exported and proven. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Calibration,
  defaultDrawn,
  defaultLayerConfig,
  defaultLayerTraining,
  fitsRounding,
  granularities,
  grids,
  type LayerConfig,
  legalWeight,
  projectStateSchema,
  roundings,
  type WeightQuantizer,
} from '../contract/index.js';
import { openSafetensors, readFloat32, readTensorBytes } from '../formats/index.js';
import { layerInputs } from './calibration.js';
import { toNativeQuantizer } from './quantizers.js';
import { gptqOptions } from './rounding.js';
import { makeSmallProject, projectOf, type TestEngine, testAddon } from './test-support.js';

let test: TestEngine;
beforeAll(async () => {
  test = await makeSmallProject();
});
afterAll(() => test.end());
beforeEach(() => test.engine.layers.reset({ layers: ['fc1.weight', 'fc2.weight', 'fc3.weight'] }));

const layer = 'fc2.weight';
const rows = 32;
const cols = 48;
const captured: Calibration = { kind: 'captured', images: 300 };
const drawn: Calibration = { ...defaultDrawn, samples: 200 };
const addon = testAddon();

const open = () => projectOf(test);

async function configure(change: Partial<WeightQuantizer>, activation = defaultLayerConfig.activation) {
  const weight = legalWeight({ ...defaultLayerConfig.weight, bits: 3 }, change);
  const config: LayerConfig = { weight, activation };
  await test.engine.project.configure({ changes: { [layer]: config } });
  return weight;
}

async function layerNow() {
  const { project } = await test.engine.project.current();
  const found = projectStateSchema.parse(project).model.layers.find(({ name }) => name === layer);
  if (!found) throw new Error('no layer');
  return found;
}

async function exported(name: string) {
  const path = join(test.folder, `${name}.safetensors`);
  const record = await test.engine.exports.write({ runId: null, path });
  return { record, file: await openSafetensors(path) };
}

async function modelWeight(): Promise<Float32Array> {
  return open().model.withTensor(layer, async (tensor) => {
    const values = new Float32Array(rows * cols);
    tensor.copyTo(values);
    return values;
  });
}

describe('a rounding', () => {
  it('exports exactly the codes that the native method makes of the captured inputs', async () => {
    for (const rounding of ['gptq', 'adaround'] as const) {
      const weight = await configure({ rounding });
      await test.engine.layers.quantize({ layers: [layer], calibration: captured });
      const { file, record } = await exported(rounding);
      expect(record.logits?.sameDecision).toBe(200);
      const inputs = await layerInputs(addon, open(), open().model.layer(layer), captured);
      const hessian = await addon.ops.hessian(inputs.values, inputs.samples, cols);
      const values = await modelWeight();
      const native = toNativeQuantizer(weight);
      const made =
        rounding === 'gptq'
          ? await addon.ops.gptq(values, rows, cols, hessian, native, gptqOptions(weight))
          : await addon.ops.adaround(values, rows, cols, hessian, native);
      const stored = await readTensorBytes(file, 'fc2.qweight');
      expect(Buffer.compare(stored, made.weight.packed)).toBe(0);
    }
  });

  it.each([true, false])(
    'GPTQ of groups, act-order %s, is exported as it was computed: no column is out of its group',
    async (actOrder) => {
      const groupSize = 20;
      const weight = await configure({ rounding: 'gptq', granularity: 'group', groupSize, actOrder });
      await test.engine.layers.quantize({ layers: [layer], calibration: captured });
      const { file, record } = await exported(`groups-${actOrder}`);
      expect(record.layers.find(({ name }) => name === layer)?.codesDifferent).toBe(0);
      const inputs = await layerInputs(addon, open(), open().model.layer(layer), captured);
      const hessian = await addon.ops.hessian(inputs.values, inputs.samples, cols);
      const values = await modelWeight();
      const native = toNativeQuantizer(weight);
      const made = await addon.ops.gptq(values, rows, cols, hessian, native, gptqOptions(weight));
      expect(made.gIdx).toBeNull();
      const codes = await readTensorBytes(file, 'fc2.qweight');
      const scales = await readFloat32(file, 'fc2.scales');
      expect(Buffer.compare(codes, made.weight.packed)).toBe(0);
      expect(scales).toEqual(made.weight.scales);
      // What a reader decodes with consecutive groups is what GPTQ chose.
      const groups = Math.ceil(cols / groupSize);
      addon.unpackCodes(codes, rows, cols, 3).forEach((stored, at) => {
        const group = Math.floor(at / cols) * groups + Math.floor((at % cols) / groupSize);
        expect((stored - 4) * (scales[group] ?? 0)).toBeCloseTo(made.dequantized[at] ?? 0, 6);
      });
      // Groups that followed the order would need an index of each column, which packed files do not have.
      const followed = { actOrder: true, staticGroups: false };
      const moved = await addon.ops.gptq(values, rows, cols, hessian, native, followed);
      expect(moved.gIdx).toHaveLength(cols);
    },
  );

  it.each(['adaround', 'gptq'] as const)('%s loses less of the output than nearest', async (rounding) => {
    await configure({ rounding });
    await test.engine.layers.quantize({ layers: [layer], calibration: captured });
    const { outcome, state } = await layerNow();
    expect(state).toBe('quantized');
    expect(outcome).toMatchObject({ by: rounding, measure: 'output' });
    expect(outcome?.loss).toBeLessThan((outcome?.nearest ?? 0) * 0.9);
    expect(outcome?.nearest).toBeLessThan(outcome?.power ?? 0);
  });

  it('with bias correction exports b − (Ŵ − W)·x̄, proven, and loses less', async () => {
    await configure({ rounding: 'gptq', bits: 2, correctBias: false });
    await test.engine.layers.quantize({ layers: [layer], calibration: captured });
    const without = (await layerNow()).outcome;
    const plainFile = (await exported('uncorrected')).file;
    await configure({ rounding: 'gptq', bits: 2, correctBias: true });
    expect((await layerNow()).state).toBe('float');
    await test.engine.layers.quantize({ layers: [layer], calibration: captured });
    const { outcome } = await layerNow();
    const { file, record } = await exported('corrected');
    expect(record.logits?.sameDecision).toBe(200);
    expect(outcome?.loss).toBeLessThan(without?.loss ?? 0);
    expect(outcome?.nearest).toBe(without?.nearest);
    const inputs = await layerInputs(addon, open(), open().model.layer(layer), captured);
    const scales = await readFloat32(file, 'fc2.scales');
    const codes = addon.unpackCodes(await readTensorBytes(file, 'fc2.qweight'), rows, cols, 2);
    const float = await modelWeight();
    const [before, after] = await Promise.all([plainFile, file].map((from) => readFloat32(from, 'fc2.bias')));
    for (let row = 0; row < rows; row += 1) {
      let error = 0;
      for (let sample = 0; sample < inputs.samples; sample += 1) {
        for (let col = 0; col < cols; col += 1) {
          const at = row * cols + col;
          const quantized = ((codes[at] ?? 0) - 2) * (scales[row] ?? 0);
          error += (quantized - (float[at] ?? 0)) * (inputs.values[sample * cols + col] ?? 0);
        }
      }
      expect(after?.[row]).toBeCloseTo((before?.[row] ?? 0) - error / inputs.samples, 4);
    }
    const weight = { ...defaultLayerConfig.weight, rounding: 'gptq', correctBias: true } as const;
    await test.engine.project.configure({ changes: { 'fc3.weight': { ...defaultLayerConfig, weight } } });
    const unbiased = test.engine.layers.quantize({ layers: ['fc3.weight'], calibration: captured });
    await expect(unbiased).rejects.toMatchObject({ code: 'E-LAYER-STATE' });
    await test.engine.project.configure({ changes: { 'fc3.weight': defaultLayerConfig } });
  });

  it('HQQ needs no inputs, and its zero points are codes', async () => {
    const weight = await configure({ rounding: 'hqq', granularity: 'group', groupSize: 16 });
    expect(weight.grid).toBe('unsigned');
    await test.engine.layers.quantize({ layers: [layer] });
    expect((await layerNow()).outcome).toMatchObject({ by: 'hqq', measure: 'weight' });
    const { file } = await exported('hqq');
    const options = { bits: 3, groupSize: 16, integerZeros: true };
    const made = await addon.ops.hqq(await modelWeight(), rows, cols, options);
    expect(Buffer.compare(await readTensorBytes(file, 'fc2.qweight'), made.packed)).toBe(0);
    const zeros = new Int32Array((await readTensorBytes(file, 'fc2.zero_points')).slice().buffer);
    expect([...zeros]).toEqual([...made.zeros]);
  });

  it('keeps the codes it chose on every mix that it fits', async () => {
    for (const rounding of roundings) {
      for (const grid of grids) {
        for (const granularity of granularities) {
          for (const method of ['lsq', 'ste'] as const) {
            for (const range of ['mse', 'absmax'] as const) {
              if (rounding === 'nearest' || !fitsRounding(rounding, { grid, granularity, method })) continue;
              const bits = grid === 'binary' ? 1 : grid === 'ternary' ? 2 : 3;
              const weight = { bits, grid, granularity, groupSize: 20, method, range, rounding } as const;
              await test.engine.project.configure({
                changes: { [layer]: { weight, activation: defaultLayerConfig.activation } },
              });
              await test.engine.layers.quantize({ layers: [layer], calibration: drawn });
              const { outcome } = await layerNow();
              expect(outcome?.by, JSON.stringify(weight)).toBe(rounding);
            }
          }
        }
      }
    }
    const { record } = await exported('mix');
    expect(record.logits?.sameDecision).toBe(200);
  });

  it('is named in the file and in the proof, as is a layer that was trained by itself', async () => {
    const training = { ...defaultLayerTraining, epochs: 2 };
    await configure({ rounding: 'gptq' });
    await test.engine.layers.quantize({ layers: [layer, 'fc1.weight'], calibration: captured });
    await test.engine.layers.train({ layers: ['fc3.weight'], calibration: captured, training });
    const { record, file } = await exported('origins');
    expect(JSON.parse(file.metadata.get('packed.origins') ?? '')).toEqual([
      { rounding: 'nearest', trained: 'no', base: 'fc1' },
      { rounding: 'gptq', trained: 'no', base: 'fc2' },
      { rounding: 'nearest', trained: 'alone', base: 'fc3' },
    ]);
    expect(record.layers.map(({ origin }) => origin)).toEqual([
      { rounding: 'nearest', trained: 'no' },
      { rounding: 'gptq', trained: 'no' },
      { rounding: 'nearest', trained: 'alone' },
    ]);
  });

  it('without inputs, or on a float layer, is refused and changes nothing', async () => {
    await configure({ rounding: 'gptq' });
    const quantize = test.engine.layers.quantize({ layers: [layer] });
    await expect(quantize).rejects.toMatchObject({ code: 'E-REQUEST-INVALID' });
    expect((await layerNow()).state).toBe('float');
    await configure({ bits: 32, rounding: 'gptq' });
    const train = { layers: [layer], calibration: drawn, training: defaultLayerTraining };
    await expect(test.engine.layers.train(train)).rejects.toMatchObject({ code: 'E-LAYER-STATE' });
  });

  it('another rounding, parameter or Prepare takes the place of the made weight', async () => {
    await configure({ rounding: 'gptq' });
    await test.engine.layers.quantize({ layers: [layer], calibration: captured });
    await configure({ rounding: 'gptq', damping: 0.1 });
    expect(await layerNow()).not.toHaveProperty('outcome');
    expect((await layerNow()).state).toBe('float');
    await test.engine.layers.quantize({ layers: [layer], calibration: captured });
    await test.engine.layers.prepare({ layers: [layer] });
    expect(await layerNow()).not.toHaveProperty('outcome');
    expect((await layerNow()).state).toBe('prepared');
  });

  it('survives reopening, and an export says so when its weight is gone', async () => {
    await configure({ rounding: 'gptq' });
    await test.engine.layers.quantize({ layers: [layer], calibration: captured });
    const before = await layerNow();
    const first = await exported('before');
    const { folder } = open();
    await test.engine.project.close();
    await test.engine.project.openFolder({ path: folder });
    expect(await layerNow()).toEqual(before);
    const again = await exported('after');
    const codes = (file: typeof again.file) => readTensorBytes(file, 'fc2.qweight');
    expect(Buffer.compare(await codes(first.file), await codes(again.file))).toBe(0);
    await test.engine.project.close();
    for (const name of await readdir(join(folder, 'layers'))) await rm(join(folder, 'layers', name));
    await test.engine.project.openFolder({ path: folder });
    await expect(exported('lost')).rejects.toMatchObject({ code: 'E-LAYER-STATE' });
  });
});

describe('training a layer', () => {
  const training = { ...defaultLayerTraining, epochs: 15, learningRate: 0.003 };

  it('loses less than nearest with weights and inputs quantized; exported, reopened, proven', async () => {
    await configure({ bits: 2 });
    await test.engine.layers.train({ layers: [layer], calibration: captured, training });
    const before = await layerNow();
    expect(before.state).toBe('quantized');
    expect(before.outcome).toMatchObject({ by: 'training', measure: 'output' });
    expect(before.outcome?.loss).toBeLessThan((before.outcome?.nearest ?? 0) * 0.8);
    const { record } = await exported('trained');
    expect(record.logits?.sameDecision).toBe(200);
    // The float weight stays the file's, and Quantize leaves the trained layer as it is.
    await test.engine.layers.quantize({ layers: [layer] });
    expect(await layerNow()).toEqual(before);
    const { folder } = open();
    await test.engine.project.close();
    await test.engine.project.openFolder({ path: folder });
    expect(await layerNow()).toEqual(before);
    const again = await exported('trained again');
    expect(again.record.layers).toEqual(record.layers);
  });

  it.each(['ste', 'dorefa', 'ttq', 'irnet'] as const)(
    '%s: the trained weight is exported and proven',
    async (method) => {
      await configure({ method }, { ...defaultLayerConfig.activation, bits: 32 });
      await test.engine.layers.train({
        layers: [layer],
        calibration: drawn,
        training: { ...training, epochs: 3 },
      });
      const { record } = await exported(`trained ${method}`);
      expect(record.logits?.sameDecision).toBe(200);
    },
  );

  it('keeps the scale of real inputs; drawn ones have none worth keeping, and an export takes that of the data', async () => {
    const inputScale = async (calibration: Calibration) => {
      await configure({ bits: 4 });
      await test.engine.layers.train({ layers: [layer], calibration, training: { ...training, epochs: 3 } });
      return (await readFloat32((await exported('scale')).file, 'fc2.input_scale'))[0];
    };
    await configure({ bits: 4 });
    await test.engine.layers.quantize({ layers: [layer] });
    const ofData = (await readFloat32((await exported('untrained')).file, 'fc2.input_scale'))[0];
    expect(await inputScale(drawn)).toBe(ofData);
    expect(await inputScale(captured)).not.toBe(ofData);
  });

  it('twice the same gives the same bits; another seed does not', async () => {
    const codes = async (seed: number) => {
      await configure({ bits: 2 });
      const quick = { ...training, epochs: 2, seed };
      await test.engine.layers.train({ layers: [layer], calibration: drawn, training: quick });
      return Buffer.from(await readTensorBytes((await exported('seed')).file, 'fc2.qweight')).toString('hex');
    };
    const once = await codes(1);
    expect(await codes(1)).toBe(once);
    expect(await codes(2)).not.toBe(once);
  });

  it('cancelled, leaves the layer as it was', async () => {
    await configure({ bits: 2 });
    await test.engine.layers.prepare({ layers: [layer] });
    const controller = new AbortController();
    const train = test.engine.layers.train(
      { layers: [layer], calibration: drawn, training: { ...training, epochs: 10_000 } },
      {
        signal: controller.signal,
        onProgress: (fraction) => (fraction ?? 0) > 0 && controller.abort(),
      },
    );
    await expect(train).rejects.toMatchObject({ code: 'E-CANCELLED' });
    expect((await layerNow()).state).toBe('prepared');
  });
});
