/** What was made of a layer comes back: with its quantizer, by restore, after reopening; and the folder stays bounded. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type Calibration,
  defaultDrawn,
  defaultLayerConfig,
  defaultLayerTraining,
  legalWeight,
  type WeightQuantizer,
} from '../contract/index.js';
import type { LayerResult } from '../store/index.js';
import { oldId } from './layer-files.js';
import { addResult, currentResult, resultsKept, takeAgain } from './layer-results.js';
import { makeTestEngine, type TestEngine, writeSmallDataset, writeSmallModel } from './test-support.js';

const layers = ['fc1.weight', 'fc2.weight', 'fc3.weight'];
const layer = 'fc2.weight';
const calibration: Calibration = { ...defaultDrawn, samples: 100 };
const training = { ...defaultLayerTraining, epochs: 3, learningRate: 0.003 };

let test: TestEngine;
beforeEach(async () => {
  test = await makeTestEngine();
  await mkdir(join(test.folder, 'data'));
  await writeSmallDataset(join(test.folder, 'data'));
  await test.engine.project.openModel({ path: await writeSmallModel(join(test.folder, 'm.safetensors')) });
  await test.engine.project.openDataset({ path: join(test.folder, 'data') });
});
afterEach(() => test.end());

function open() {
  const { open: project } = test.engine.project;
  if (!project) throw new Error('no project');
  return project;
}

async function reopen(change: (folder: string) => Promise<void> = async () => undefined) {
  const { folder } = open();
  await test.engine.project.close();
  await change(folder);
  return test.engine.project.openFolder({ path: folder });
}

async function configure(change: Partial<WeightQuantizer>, names = [layer]) {
  const weight = legalWeight({ ...defaultLayerConfig.weight, bits: 3 }, change);
  const config = { ...defaultLayerConfig, weight };
  await test.engine.project.configure({
    changes: Object.fromEntries(names.map((name) => [name, config])),
  });
}

const standing = (name = layer) => open().layerStates.standingOf(name);
const standings = () => layers.map(standing);
const resultIds = (names = layers) =>
  Object.fromEntries(names.map((name) => [name, standing(name).result ?? null]));
const quantize = (names = [layer]) => test.engine.layers.quantize({ layers: names, calibration });

/** The bytes of the file behind what the layer has now. */
function fileNow(): Promise<Buffer> {
  return readFile(open().layerStates.files.path(standing().result ?? ''));
}

async function filesKept(): Promise<string[]> {
  return readdir(join(open().folder, 'layers'));
}

async function exportedLayers(name: string) {
  const path = join(test.folder, `${name}.safetensors`);
  return (await test.engine.exports.write({ runId: null, path })).layers;
}

describe('a quantizer that the layer is set to again', () => {
  it.each([
    ['Prepare', () => test.engine.layers.prepare({ layers: [layer] })],
    ['Quantize', () => quantize()],
    ['layer training', () => test.engine.layers.train({ layers: [layer], calibration, training })],
  ])('brings back what %s made, bit for bit, also after reopening', async (verb, make) => {
    await configure({ rounding: verb === 'Quantize' ? 'gptq' : 'nearest' });
    await make();
    const [made, bytes] = [standing(), await fileNow()];
    expect(made.state).toBe(verb === 'Prepare' ? 'prepared' : 'quantized');
    expect(made.outcome !== undefined).toBe(verb !== 'Prepare');
    const proof = verb === 'Prepare' ? null : await exportedLayers('before');
    await configure({ bits: 2 });
    expect(standing()).toEqual({ state: 'float' });
    await quantize();
    const other = standing();
    await reopen();
    expect(standing()).toEqual(other);
    const { states } = await test.engine.project.configure({
      changes: {
        [layer]: {
          ...open().configOf(layer),
          weight: legalWeight(defaultLayerConfig.weight, {
            bits: 3,
            ...(verb === 'Quantize' && { rounding: 'gptq' }),
          }),
        },
      },
    });
    expect(states[layer]).toEqual(made);
    expect(Buffer.compare(await fileNow(), bytes)).toBe(0);
    if (proof) expect(await exportedLayers('after')).toEqual(proof);
    await reopen();
    expect(standing()).toEqual(made);
  });

  it('is float again when it was reset under it', async () => {
    await configure({});
    await quantize();
    await test.engine.layers.reset({ layers: [layer] });
    await configure({ bits: 2 });
    await configure({});
    expect(standing()).toEqual({ state: 'float' });
  });

  it('has what a job was making when its bits were changed', async () => {
    await configure({});
    const made = test.engine.layers.train({ layers: [layer], calibration, training }).catch((e) => e.code);
    await configure({ bits: 2 });
    expect(await made).toBe('E-LAYER-STATE');
    expect(standing().state).toBe('float');
    await configure({});
    expect(standing()).toMatchObject({ state: 'quantized', outcome: { by: 'training' } });
  });
});

describe('restore', () => {
  it('takes each step on three layers back and makes it again, in order', async () => {
    await configure({ rounding: 'gptq' }, layers);
    const steps = [resultIds()];
    const looks = [standings()];
    const step = async (work: () => Promise<unknown>) => {
      await work();
      steps.push(resultIds());
      looks.push(standings());
    };
    await step(() => test.engine.layers.prepare({ layers }));
    await step(() => quantize(layers));
    await step(() => test.engine.layers.train({ layers: [layer], calibration, training }));
    await step(() => test.engine.layers.reset({ layers }));
    await step(() => quantize(layers));
    expect(new Set(steps.map((ids) => JSON.stringify(ids))).size).toBe(4);
    expect(looks[3]?.[1]?.outcome?.by).toBe('training');
    for (const at of [4, 3, 2, 1, 0, 1, 2, 3, 4, 5]) {
      const { states } = await test.engine.layers.restore({ results: steps[at] ?? {} });
      expect(states).toEqual(Object.fromEntries(layers.map((name, index) => [name, looks[at]?.[index]])));
    }
    await test.engine.layers.restore({ results: steps[3] ?? {} });
    await reopen();
    expect(standings()).toEqual(looks[3]);
    await exportedLayers('restored');
  });

  it('refuses what is kept no longer, or was made under another quantizer, and then changes no layer', async () => {
    await configure({}, layers);
    await quantize(layers);
    const before = standings();
    const foreign = standing('fc1.weight').result ?? '';
    for (const id of ['0'.repeat(32), foreign]) {
      const restored = test.engine.layers.restore({ results: { 'fc1.weight': null, [layer]: id } });
      await expect(restored).rejects.toMatchObject({ code: 'E-LAYER-STATE' });
    }
    const id = standing().result ?? '';
    await configure({ bits: 2 });
    await expect(test.engine.layers.restore({ results: { [layer]: id } })).rejects.toMatchObject({
      code: 'E-LAYER-STATE',
    });
    await configure({});
    expect(standings()).toEqual(before);
  });

  it('the same made twice is one result', async () => {
    await configure({ rounding: 'gptq' });
    await quantize();
    const once = standing();
    await quantize();
    expect(standing()).toEqual(once);
    expect(await filesKept()).toHaveLength(1);
  });
});

describe('the folder of results', () => {
  const makeMany = async (count: number) => {
    for (let at = 0; at < count; at += 1) {
      await configure({ rounding: 'gptq', damping: 0.01 + at / 100 });
      await quantize();
    }
  };

  it('keeps the last eight of a layer, and the one it has', async () => {
    await makeMany(11);
    expect(await filesKept()).toHaveLength(8);
    await configure({ rounding: 'gptq', damping: 0.01 });
    expect(standing()).toEqual({ state: 'float' });
    await configure({ rounding: 'gptq', damping: 0.04 });
    expect(standing().state).toBe('quantized');
    await exportedLayers('old');
    // Others are made while the oldest is the layer's: it stays.
    const { layerStates } = open();
    const oldest = await layerStates.get(layer, open().configOf(layer).weight);
    const weight = legalWeight(open().configOf(layer).weight, { damping: 0.5 });
    if (!oldest) throw new Error('no record');
    const late = layerStates.set(layer, weight, oldest);
    await expect(late).rejects.toMatchObject({ code: 'E-LAYER-STATE' });
    expect(standing().result).toBe(oldest.id);
    expect(await fileNow()).toBeDefined();
  });

  it('loses no file that an export is reading', async () => {
    await configure({ rounding: 'gptq', damping: 0.9 });
    await quantize();
    const { layerStates } = open();
    const path = layerStates.files.path(standing().result ?? '');
    const read = layerStates.withWeight.bind(layerStates);
    // A slow disk: nine others are made before the export reads the weight it found.
    vi.spyOn(layerStates, 'withWeight').mockImplementationOnce(async (...given) => {
      await makeMany(9);
      return read(...given);
    });
    expect((await exportedLayers('meanwhile')).map(({ name }) => name)).toEqual([layer]);
    await expect(readFile(path)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await filesKept()).toHaveLength(8);
  });

  it('is swept when the project opens: of what nothing lists, and of nothing else', async () => {
    await makeMany(2);
    const kept = await filesKept();
    await reopen(async (folder) => {
      const at = (name: string) => join(folder, 'layers', name);
      await copyFile(at(kept[0] ?? ''), at(`${'0'.repeat(32)}.safetensors`));
      await writeFile(at('.qat-0123456789abcdef.tmp'), 'half');
      await writeFile(at('notes.txt'), 'mine');
    });
    expect((await filesKept()).sort()).toEqual([...kept, 'notes.txt'].sort());
    // A journal that was cut may have named more than what is left of it.
    await reopen(async (folder) => {
      const stray = join(folder, 'layers', `${'1'.repeat(32)}.safetensors`);
      await copyFile(join(folder, 'layers', kept[0] ?? ''), stray);
      await writeFile(join(folder, 'journal.ndjson'), '{"seq":');
    });
    expect(await filesKept()).toHaveLength(4);
  });

  it('a project of version 1 opens with what its layers had, and exports it', async () => {
    await configure({ rounding: 'gptq' });
    await quantize();
    await test.engine.layers.prepare({ layers: ['fc1.weight'] });
    const { outcome } = standing();
    const proof = await exportedLayers('new');
    const ids = resultIds();
    await reopen(async (folder) => {
      for (const name of ['fc1.weight', layer]) {
        const [from, to] = [ids[name] ?? '', oldId(name)].map((id) =>
          join(folder, 'layers', `${id}.safetensors`),
        );
        await rename(from ?? '', to ?? '');
      }
      const path = join(folder, 'project.json');
      const { layerResults: _, ...document } = JSON.parse(await readFile(path, 'utf8'));
      const old = {
        ...document,
        schemaVersion: 1,
        layerStates: { 'fc1.weight': 'prepared', [layer]: 'quantized', 'fc3.weight': 'float' },
        layerOutcomes: { [layer]: outcome, 'fc3.weight': null },
      };
      await writeFile(path, JSON.stringify(old));
    });
    expect(standings()).toEqual([
      { state: 'prepared', result: oldId('fc1.weight') },
      { state: 'quantized', result: oldId(layer), outcome },
      { state: 'float' },
    ]);
    expect(await exportedLayers('old')).toEqual(proof);
    await reopen();
    expect(standing()).toMatchObject({ outcome });
  });

  it('after kill -9 every listed result has its file, and what was acknowledged is there', async () => {
    const script = join(dirname(fileURLToPath(import.meta.url)), 'results-kill-child.ts');
    const { folder } = open();
    await test.engine.project.close();
    for (const [rounds, delayMs] of [
      [3, 0],
      [12, 2],
      [4, 4],
      [4, 7],
    ] as const) {
      const child = fork(script, [test.folder, folder], { execArgv: ['--import', 'tsx'] });
      const told: { damping: number; result: string }[] = [];
      child.on('message', (message: (typeof told)[number]) => {
        told.push(message);
        if (told.length === rounds) setTimeout(() => child.kill('SIGKILL'), delayMs);
      });
      const [code, signal] = await once(child, 'exit');
      expect([code, signal]).toEqual([null, 'SIGKILL']);
      const state = await test.engine.project.openFolder({ path: folder });
      expect(state.recovered).toBe(true);
      const { layerResults } = JSON.parse(await readFile(join(folder, 'project.json'), 'utf8'));
      const listed = layerResults[layer].map(({ id }: LayerResult) => `${id}.safetensors`);
      expect(await filesKept()).toEqual(expect.arrayContaining(listed));
      for (const { damping, result } of told.slice(rounds - 3, rounds)) {
        await configure({ rounding: 'gptq', damping });
        expect(standing().result).toBe(result);
        expect(await open().layerStates.get(layer, open().configOf(layer).weight)).not.toBeNull();
        await exportedLayers(`killed ${damping}`);
      }
      expect(listed.length).toBeLessThanOrEqual(8);
      await test.engine.project.close();
    }
  }, 60_000);
});

describe('the list of results', () => {
  const act = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), id: fc.nat(12), quantizer: fc.nat(2) }),
    fc.record({ kind: fc.constant('take' as const), id: fc.option(fc.nat(12)), quantizer: fc.nat(2) }),
  );
  it('has one current result of a quantizer at most, stays short, and keeps the one in use (property)', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), fc.integer({ min: 2, max: 8 }), (acts, most) => {
        let results: readonly LayerResult[] = [];
        for (const { kind, id, quantizer } of acts) {
          const inUse = currentResult(results, '0');
          // As content makes it: an id belongs to one quantizer.
          const own = `${quantizer} ${id}`;
          if (kind === 'add') {
            const made = { id: own, quantizer: `${quantizer}`, state: 'prepared', outcome: null } as const;
            results = addResult(results, made, most, inUse?.id ?? null);
            expect(results[0]).toEqual({ ...made, current: true });
            if (quantizer !== 0) expect(currentResult(results, '0')).toEqual(inUse);
          } else if (id === null || results.some((result) => result.id === own)) {
            results = takeAgain(results, `${quantizer}`, id === null ? null : own);
            expect(currentResult(results, `${quantizer}`)?.id ?? null).toBe(id === null ? null : own);
          }
          expect(results.length).toBeLessThanOrEqual(most + 1);
          expect(new Set(results.map((result) => result.id)).size).toBe(results.length);
          for (const name of ['0', '1', '2']) {
            const current = results.filter((result) => result.current && result.quantizer === name);
            expect(current.length).toBeLessThanOrEqual(1);
          }
        }
      }),
    );
  });

  it('is shorter the more layers there are', () => {
    expect([1, 5000, 10_000, 100_000].map(resultsKept)).toEqual([8, 8, 4, 2]);
  });
});
