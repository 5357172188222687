/** Exporting with proof: what is written equals what was trained, and what does not is not kept. */
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Configuration,
  defaultLayerConfig,
  type ExportRecord,
  exportRecordSchema,
  type LayerConfig,
  withWeightBits,
} from '../contract/index.js';
import { openSafetensors, readFloat32, readTensorBytes } from '../formats/index.js';
import { openPackedFile, readPackedLayer } from './packed-file.js';
import {
  endedRun,
  makeTestEngine,
  shortTraining,
  type TestEngine,
  testAddon,
  withMemoryDisk,
  writeSmallDataset,
  writeSmallModel,
} from './test-support.js';

const layers = ['fc1.weight', 'fc2.weight', 'fc3.weight'];

let test: TestEngine;
let out: string;
beforeEach(async () => {
  test = await makeTestEngine();
  out = join(test.folder, 'out');
  await mkdir(out);
  await mkdir(join(test.folder, 'data'));
  await writeSmallDataset(join(test.folder, 'data'));
  await test.engine.project.openModel({ path: await writeSmallModel(join(test.folder, 'm.safetensors')) });
  await test.engine.project.openDataset({ path: join(test.folder, 'data') });
});
afterEach(() => test.end());

function everyLayer(config: LayerConfig): Configuration {
  return Object.fromEntries(layers.map((layer) => [layer, config]));
}

async function train(config: LayerConfig = defaultLayerConfig): Promise<string> {
  await test.engine.project.configure({ changes: everyLayer(config) });
  const { id } = await test.engine.runs.start({ name: null, training: shortTraining });
  expect((await test.waitFor(endedRun(id))).run.state).toBe('finished');
  return id;
}

async function exportRun(runId: string | null, name = 'q.safetensors'): Promise<ExportRecord> {
  return exportRecordSchema.parse(await test.engine.exports.write({ runId, path: join(out, name) }));
}

const { weight, activation } = defaultLayerConfig;
const configurations: [string, LayerConfig][] = [
  ['W8A8', { weight: withWeightBits(weight, 8), activation: { ...activation, bits: 8 } }],
  ['W4A4', defaultLayerConfig],
  [
    'W3A8 unsigned per group',
    {
      weight: { ...weight, bits: 3, grid: 'unsigned', granularity: 'group', groupSize: 10 },
      activation: { ...activation, bits: 8 },
    },
  ],
  [
    'W2A4 narrow per tensor',
    { weight: { ...weight, bits: 2, grid: 'narrow', granularity: 'tensor' }, activation },
  ],
  ['W1A32', { weight: withWeightBits(weight, 1), activation: { ...activation, bits: 32 } }],
  ['W1A1', { weight: withWeightBits(weight, 1), activation: { ...activation, bits: 1 } }],
  ['W32A8', { weight: withWeightBits(weight, 32), activation: { ...activation, bits: 8 } }],
];

describe('the export of a run', () => {
  it.each(configurations)(
    '%s: the file is proven, verified, and decides like the trained network',
    async (_name, config) => {
      const runId = await train(config);
      const record = await exportRun(runId);
      expect(record.layers.every((layer) => layer.codesDifferent === 0 && layer.scalesDifferent === 0)).toBe(
        true,
      );
      for (const { origin } of record.layers) {
        expect(origin).toEqual({ rounding: 'nearest', trained: 'network' });
      }
      expect(record.layers).toHaveLength(config.weight.bits === 32 ? 0 : 3);
      expect(record.logits?.images).toBe(200);
      expect(record.logits?.maxDifference).toBeLessThanOrEqual(record.logits?.tolerance ?? 0);
      expect(record.logits?.sameDecision).toBe(200);
      expect(record.sizeBytes).toBe((await stat(record.path)).size);
      const { project } = await test.engine.project.current();
      expect(project?.exports).toEqual([record]);
      expect(await test.engine.exports.verify({ path: record.path })).toMatchObject({ matches: true });
    },
  );

  it('the codes in the file, dequantized by the documented rule, are the fake-quantized weights', async () => {
    const runId = await train();
    const { path } = await exportRun(runId);
    const packed = await openPackedFile(path);
    const layer = packed.description.layers[1];
    if (!layer) throw new Error('no layer');
    const { packed: bytes, scales, rows, cols } = await readPackedLayer(packed, layer);
    const state = await openSafetensors(
      join(test.folder, 'projects', 'm.safetensors', 'runs', runId, 'weights.safetensors'),
    );
    const trained = await readFloat32(state, layer.name);
    const expected = testAddon().ops.fakeQuant(trained, rows, cols, {
      qmin: -8,
      qmax: 7,
      scales,
      zeroPoints: new Int32Array(0),
      groupSize: cols,
    });
    const rowBytes = Math.ceil((cols * 4) / 8);
    for (let row = 0; row < rows; row += 1) {
      for (let col = 0; col < cols; col += 1) {
        const byte = bytes[row * rowBytes + (col >> 1)] ?? 0;
        const code = ((byte >> ((col & 1) * 4)) & 15) - 8;
        expect(Math.fround(code * (scales[row] ?? 0))).toBe(expected[row * cols + col]);
      }
    }
  });

  it('only a finished run can be exported', async () => {
    const { id } = await test.engine.runs.start({
      name: null,
      training: { ...shortTraining, epochs: 5000 },
    });
    await expect(exportRun(id)).rejects.toMatchObject({ code: 'E-RUN-STATE' });
    await test.engine.runs.cancel({ runId: id });
    await expect(exportRun(id)).rejects.toMatchObject({ code: 'E-RUN-STATE' });
    expect(await readdir(out)).toEqual([]);
  });

  it('verify notices a byte that changed later', async () => {
    const record = await exportRun(await train());
    const bytes = await readFile(record.path);
    bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1;
    await writeFile(record.path, bytes);
    expect((await test.engine.exports.verify({ path: record.path })).matches).toBe(false);
    await rm(record.path);
    await expect(test.engine.exports.verify({ path: record.path })).rejects.toMatchObject({
      code: 'E-FILE-MISSING',
    });
  });
});

describe('the export of the model as quantized', () => {
  it('packs the quantized layers, keeps the others float, and compares logits after calibration', async () => {
    await test.engine.layers.quantize({ layers: ['fc1.weight', 'fc2.weight'] });
    const record = await exportRun(null);
    expect(record.layers.map((layer) => layer.name)).toEqual(['fc1.weight', 'fc2.weight']);
    expect(record.logits?.images).toBe(200);
    const file = await openSafetensors(record.path);
    expect(file.tensors.get('fc1.qweight')).toMatchObject({ dtype: 'U8', shape: [48, 32] });
    expect(file.tensors.get('fc3.weight')).toMatchObject({ dtype: 'F32', shape: [4, 32] });
    expect(file.tensors.has('fc1.weight')).toBe(false);
    expect(Buffer.from(await readTensorBytes(file, 'steps')).readBigInt64LE()).toBe(7n);
  });

  it('without a quantized layer there is nothing to export', async () => {
    await expect(exportRun(null)).rejects.toMatchObject({ code: 'E-LAYER-STATE' });
  });

  it('an exported file is not opened as a float model', async () => {
    await test.engine.layers.quantize({ layers });
    const { path } = await exportRun(null);
    await expect(test.engine.project.openModel({ path })).rejects.toMatchObject({
      code: 'E-FILE-FORMAT-UNKNOWN',
    });
  });
});

describe('an export that cannot be written', () => {
  it('a full disk: E-DISK-FULL, nothing left, the project goes on', async (context) => {
    const runId = await train();
    const disk = join(test.folder, 'disk');
    await withMemoryDisk(context, disk, 'size=4k', async () => {
      const write = test.engine.exports.write({ runId, path: join(disk, 'q.safetensors') });
      await expect(write).rejects.toMatchObject({ code: 'E-DISK-FULL' });
      expect(await readdir(disk)).toEqual([]);
    });
    await exportRun(runId);
  });

  it('a read-only disk: E-DISK-READ-ONLY', async (context) => {
    const runId = await train();
    const disk = join(test.folder, 'disk');
    await withMemoryDisk(context, disk, 'ro', async () => {
      const write = test.engine.exports.write({ runId, path: join(disk, 'q.safetensors') });
      await expect(write).rejects.toMatchObject({ code: 'E-DISK-READ-ONLY' });
    });
  });

  it('onto the float model itself, also by another name: refused, the model stays', async () => {
    const runId = await train();
    const model = join(test.folder, 'm.safetensors');
    const before = await readFile(model);
    await symlink(model, join(out, 'alias.safetensors'));
    for (const path of [model, join(out, 'alias.safetensors')]) {
      const write = test.engine.exports.write({ runId, path });
      await expect(write).rejects.toMatchObject({ code: 'E-REQUEST-INVALID' });
    }
    expect((await readFile(model)).equals(before)).toBe(true);
  });

  it('a folder that does not exist: E-DISK-WRITE', async () => {
    const runId = await train();
    const write = test.engine.exports.write({ runId, path: join(out, 'gone', 'q.safetensors') });
    await expect(write).rejects.toMatchObject({ code: 'E-DISK-WRITE' });
  });

  it('cancelled while writing: E-CANCELLED, nothing left', async () => {
    const runId = await train();
    const controller = new AbortController();
    const write = test.engine.exports.write(
      { runId, path: join(out, 'q.safetensors') },
      { signal: controller.signal, onProgress: (_f, detail) => detail === 'Write' && controller.abort() },
    );
    await expect(write).rejects.toMatchObject({ code: 'E-CANCELLED' });
    expect(await readdir(out)).toEqual([]);
  });
});
