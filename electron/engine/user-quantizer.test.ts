/** A quantizer library, built as its documentation says, through project, training, export and proof. */
import { execFile } from 'node:child_process';
import { appendFile, copyFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  defaultLayerConfig,
  type LayerConfig,
  legalWeight,
  weightQuantizerSchema,
} from '../contract/index.js';
import { hashFile, openSafetensors, readFloat32, readTensorBytes } from '../formats/index.js';
import { QuantizerLibraries } from './quantizer-libraries.js';
import {
  appRoot,
  endedRun,
  makeTestEngine,
  shortTraining,
  type TestEngine,
  testAddon,
  writeSmallDataset,
  writeSmallModel,
} from './test-support.js';

let test: TestEngine;
let library = '';
let sha256 = '';
beforeAll(async () => {
  test = await makeTestEngine();
  library = join(test.folder, 'geometric.so');
  const source = join(appRoot, 'native/examples/geometric.c');
  const include = join(appRoot, 'native/include');
  const flags = ['-std=c99', '-O2', '-shared', '-fPIC', '-I', include, source, '-o', library, '-lm'];
  await promisify(execFile)(process.env.CC || 'cc', flags);
  sha256 = (await hashFile(library)).sha256;
  await mkdir(join(test.folder, 'data'));
  await writeSmallDataset(join(test.folder, 'data'));
  await test.engine.project.openModel({ path: await writeSmallModel(join(test.folder, 'm.safetensors')) });
  await test.engine.project.openDataset({ path: join(test.folder, 'data') });
});
afterAll(() => test.end());

const layer = 'fc2.weight';
const weight = legalWeight(defaultLayerConfig.weight, { method: 'user', library: 'user:geometric', bits: 3 });
const floatActivation = { ...defaultLayerConfig.activation, bits: 32 as const };
const config: LayerConfig = { weight, activation: floatActivation };

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'no error',
    (thrown: { code?: unknown }) => thrown.code,
  );
}

describe('a quantizer library', () => {
  it('is off until it was added: the layer is kept, and cannot be prepared or trained', async () => {
    expect(weight).toMatchObject({ grid: 'user', method: 'user', bits: 3 });
    expect(weightQuantizerSchema.safeParse(weight).success).toBe(true);
    expect(weightQuantizerSchema.safeParse({ ...weight, library: undefined }).success).toBe(false);
    const { engine } = test;
    await engine.project.configure({ changes: { [layer]: config } });
    expect(await failure(engine.layers.prepare({ layers: [layer] }))).toBe('E-QUANTIZER-LIBRARY');
    expect(engine.project.open?.configOf(layer).weight.library).toBe('user:geometric');
    const lens = { quantizer: weight, row: null, range: null, drawnBins: 64 };
    const asked = engine.layers.whatIf({ source: { layer, runId: null }, lens });
    expect(await failure(asked)).toBe('E-QUANTIZER-LIBRARY');
  });

  it('is loaded only while its file is the one that was allowed', async () => {
    const changed = join(test.folder, 'changed.so');
    await copyFile(library, changed);
    await appendFile(changed, 'x');
    const libraries = new QuantizerLibraries(testAddon());
    const [state] = await libraries.load([{ path: changed, sha256, id: 'user:geometric' }]);
    expect(state?.loaded).toBeNull();
    expect(state?.error?.code).toBe('E-QUANTIZER-LIBRARY');
    expect(await failure(libraries.add(changed, sha256))).toBe('E-QUANTIZER-LIBRARY');
    expect(await failure(libraries.add(join(test.folder, 'none.so'), sha256))).toBe('E-FILE-MISSING');
    expect(() => libraries.require(weight)).toThrow('not the file that was allowed');
  });

  it('once added, quantizes, trains, and is named in an export that is proven without it', async () => {
    const { engine } = test;
    const [added] = await engine.libraries.add(library, sha256);
    expect(added?.loaded).toMatchObject({
      id: 'user:geometric',
      version: '1.0',
      bits: [2, 3, 4, 5, 6, 7, 8],
    });
    const other = { weight: defaultLayerConfig.weight, activation: floatActivation };
    const activation = defaultLayerConfig.activation;
    await engine.project.configure({
      changes: { 'fc1.weight': other, 'fc3.weight': { weight, activation }, [layer]: config },
    });
    const { id } = await engine.runs.start({
      name: 'user',
      training: { ...shortTraining, epochs: 2, diagnosticsEvery: 4 },
    });
    const ended = await test.waitFor(endedRun(id));
    expect(ended.run.error).toBeNull();
    const { diagnostics } = await engine.runs.series({ runId: id, maxPoints: 100 });
    expect(diagnostics.length).toBeGreaterThan(3);
    expect(ended.run.result?.accuracyAfter ?? 0).toBeGreaterThan(0.9);

    const path = join(test.folder, 'user.safetensors');
    const record = await engine.exports.write({ runId: id, path });
    const named = { name: 'geometric', version: '1.0', sha256 };
    expect(record.logits?.sameDecision).toBe(200);
    expect(record.layers.map((one) => one.library)).toEqual([null, named, named]);

    // Read as a reader without the library would: codes and levels alone.
    const file = await openSafetensors(path);
    expect(file.metadata.get('format_version')).toBe('3');
    expect(file.metadata.get('packed.order')).toContain('levels[scale, code]');
    const described = JSON.parse(file.metadata.get('packed.layers') ?? '[]');
    expect(described[1]).toMatchObject({ name: layer, grid: 'user', library: named });
    expect(file.tensors.get('fc2.levels')?.shape).toEqual([32, 8]);
    expect(file.tensors.has('fc2.parameters')).toBe(false);
    const levels = await readFloat32(file, 'fc2.levels');
    const codes = testAddon().unpackCodes(await readTensorBytes(file, 'fc2.qweight'), 32, 48, 3);
    const project = engine.project.open;
    const trained = await openSafetensors(project?.runs.paths(id).weights ?? '');
    const float = await readFloat32(trained, layer);
    codes.forEach((code, index) => {
      const own = levels.subarray(Math.floor(index / 48) * 8, Math.floor(index / 48) * 8 + 8);
      const distances = own.map((level) => Math.abs(level - (float[index] ?? 0)));
      expect(distances[code], `code ${index}`).toBeCloseTo(Math.min(...distances), 6);
    });
    // The ratio of the series was trained away from where prepare put it.
    expect(new Set(await readFloat32(trained, `${layer}/parameters`)).size).toBeGreaterThan(1);
  });

  it('gives a prepared and quantized layer of the model its levels too', async () => {
    const { engine } = test;
    await engine.layers.quantize({ layers: [layer] });
    const stored = await engine.project.open?.layerStates.get(layer, weight);
    expect(stored?.levels).toHaveLength(32 * 8);
    const path = join(test.folder, 'model.safetensors');
    const record = await engine.exports.write({ runId: null, path });
    expect(record.layers[0]?.library?.name).toBe('geometric');
    expect(await readFloat32(await openSafetensors(path), 'fc2.levels')).toEqual(stored?.levels);
    const lens = { quantizer: weight, row: null, range: null, drawnBins: 64 };
    const shown = await engine.layers.whatIf({ source: { layer, runId: null }, lens });
    expect(shown.error.sqnrDb ?? 0).toBeGreaterThan(10);
    expect(shown.levels.values).toHaveLength(8);
  });

  it('a run goes on with the very file that it began with, and with no other', async () => {
    const { engine } = test;
    const run = await engine.runs.start({ name: 'kept', training: { ...shortTraining, epochs: 10_000 } });
    const { project } = await engine.project.current();
    await new Promise((done) => setTimeout(done, 300));
    await engine.project.close();
    const sidecar = join(project?.folder ?? '', 'runs', run.id, 'training.json');
    const text = await readFile(sidecar, 'utf8');
    expect(JSON.parse(text).libraries).toEqual({ 'user:geometric': sha256 });
    await writeFile(sidecar, text.replaceAll(sha256, 'f'.repeat(64)));
    await engine.project.openFolder({ path: project?.folder ?? '' });
    expect(await failure(engine.runs.resume({ runId: run.id }))).toBe('E-CHECKPOINT');
    await writeFile(sidecar, text);
    expect(await failure(engine.runs.resume({ runId: run.id }))).toBe('no error');
    await engine.runs.cancel({ runId: run.id });
  });

  it('that was removed is off again', async () => {
    const { engine } = test;
    expect(engine.libraries.remove('user:geometric')).toEqual([]);
    expect(await failure(engine.layers.prepare({ layers: [layer] }))).toBe('E-QUANTIZER-LIBRARY');
  });

  it('built again under the same path is not taken for the one that is in memory', async () => {
    const built = join(test.folder, 'built.so');
    await copyFile(library, built);
    await appendFile(built, 'x');
    await rename(built, library);
    const again = (await hashFile(library)).sha256;
    expect(await failure(test.engine.libraries.add(library, again))).toBe('E-QUANTIZER-LIBRARY');
    expect(test.engine.libraries.states).toEqual([]);
  });
});
