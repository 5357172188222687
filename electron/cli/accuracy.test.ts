/** `npm run accuracy` end to end on a data set of a few hundred small images. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultAddonPath, loadNative } from '../engine/index.js';
import { writeIdxImages, writeIdxLabels } from '../formats/index.js';
import { networkOf } from './accuracy-networks.js';
import { readRecord } from './accuracy-record.js';
import { accuracyRecipes } from './accuracy-rows.js';
import { type AccuracyOptions, measureAccuracy, writeReport } from './accuracy-run.js';
import { chooseRows } from './accuracy-settings.js';
import { pixelStatistics } from './sample-set.js';

const addon = loadNative(defaultAddonPath(resolve(fileURLToPath(import.meta.url), '../../..')));
const side = 8;
const features = side * side;
let folder = '';
let out = '';

/** A bright row or column of pixels each class, with noise: learned within an epoch or so, not at once. */
function makeSplit(count: number, seed: number) {
  let state = seed;
  const noise = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  };
  const labels = Uint8Array.from({ length: count }, (_, index) => index % 10);
  const pixels = new Uint8Array(count * features);
  for (let index = 0; index < count; index += 1) {
    const label = index % 10;
    for (let at = 0; at < features; at += 1) {
      const place = label < 5 ? Math.floor(at / side) : at % side;
      pixels[index * features + at] = Math.min(255, (noise() >> 1) + (place === label % 5 ? 100 : 0));
    }
  }
  return { count, labels, pixels };
}

const train = makeSplit(640, 1);
const test = makeSplit(200, 2);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qat-accuracy-'));
  for (const [prefix, split] of [
    ['train', train],
    ['t10k', test],
  ] as const) {
    const { count, pixels, labels } = split;
    await writeIdxImages(join(folder, `${prefix}-images-idx3-ubyte`), {
      count,
      height: side,
      width: side,
      pixels,
    });
    await writeIdxLabels(join(folder, `${prefix}-labels-idx1-ubyte`), { count, labels });
  }
  out = join(folder, 'docs');
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function options(rows: string, changes: Partial<AccuracyOptions> = {}): AccuracyOptions {
  const recipe = { epochs: 1, learningRate: 0.01, batchSize: 32 };
  return {
    source: folder,
    rows: chooseRows(rows),
    seeds: [1, 2, 3],
    recipe,
    validationImages: 0,
    out,
    ...changes,
  };
}

/** The share of right packed decisions, by the addon's logits and a plain count. */
async function packedShare(row: string, seed: number): Promise<number> {
  const [chosen] = chooseRows(row);
  if (!chosen) throw new Error('no row');
  const input = pixelStatistics(train.pixels);
  const [trainSet, testSet] = [train, test].map(({ pixels, labels, count }) =>
    addon.createDatasetFromBytes(pixels, labels, { count, features, classes: 10 }, input),
  );
  if (!trainSet || !testSet) throw new Error('no data');
  const network = addon.createNetwork(networkOf(chosen, { height: side, width: side }));
  network.resetParameters(seed);
  await network.prepare(trainSet, 512);
  const recipe = { ...accuracyRecipes.mlp, ...options(row).recipe, seed };
  const session = addon.createSession(network, trainSet, testSet, recipe);
  session.start();
  expect(await session.done).toBe('finished');
  const logits = await network.logits(testSet, 'packed');
  let right = 0;
  test.labels.forEach((label, index) => {
    const scores = [...logits.subarray(index * 10, index * 10 + 10)];
    if (scores.indexOf(Math.max(...scores)) === label) right += 1;
  });
  return right / test.count;
}

describe('npm run accuracy', () => {
  it('writes what it measured into the table, the record and the plot', async () => {
    const rows = await measureAccuracy(addon, options('float,w2-lsq'));
    expect(rows.map(({ row }) => row.id)).toEqual(['float', 'w2-lsq']);
    const document = await readFile(join(out, 'accuracy.md'), 'utf8');
    const plot = await readFile(join(out, 'images/accuracy-rows.svg'), 'utf8');
    for (const { row, record } of rows) {
      const shares = record.measurements.map(({ packed }) => packed);
      expect(shares).toEqual(await Promise.all([1, 2, 3].map((seed) => packedShare(row.id, seed))));
      expect(Math.min(...shares)).toBeGreaterThan(0.3);
      const median = (100 * ([...shares].sort((a, b) => a - b)[1] ?? 0)).toFixed(2);
      const each = shares.map((share) => (100 * share).toFixed(2)).join(' · ');
      const line = document.split('\n').find((text) => text.startsWith(`| ${row.label} |`));
      expect(line).toContain(`| **${median}** | ${each} |`);
      expect(plot).toContain(`>${row.label}</text>`);
      expect(plot).toContain(`>${median}</text>`);
    }
    expect(plot.match(/class="seed"/g)).toHaveLength(1 + 2 * 3);
    expect(document).toContain('640 training and 200 test images');
    expect(await readRecord(join(out, 'accuracy.json'))).toEqual(rows.map(({ record }) => record));
  });

  it('keeps the prose around the table and the rows that were not measured again', async () => {
    const path = join(out, 'accuracy.md');
    const written = (await readFile(path, 'utf8')).replace('# Accuracy', '# Accuracy\n\nBy hand.');
    await writeFile(path, `${written}\nAlso by hand.\n`);
    await measureAccuracy(addon, options('float', { seeds: [7] }));
    const document = await readFile(path, 'utf8');
    expect(document).toMatch(/^# Accuracy\n\nBy hand\.\n/);
    expect(document).toMatch(/Also by hand\.\n$/);
    expect(document).toContain('median of seed 7;');
    expect(document).toContain('median of seeds 1, 2, 3;');
    const ids = (await readRecord(join(out, 'accuracy.json'))).map(({ id }) => id);
    expect(ids).toEqual(['float', 'w2-lsq']);
  });

  it('makes the same table and plot again from the record alone, and none of nothing', async () => {
    const paths = [join(out, 'accuracy.md'), join(out, 'images/accuracy-rows.svg')];
    const read = () => Promise.all(paths.map((path) => readFile(path, 'utf8')));
    const before = await read();
    await writeFile(paths[0] ?? '', (before[0] ?? '').replaceAll('%', '?').replace(/\| float .*\n/, ''));
    await rm(paths[1] ?? '');
    await writeReport(out);
    expect(await read()).toEqual(before);
    await expect(writeReport(folder)).rejects.toMatchObject({ code: 'E-FILE-MISSING' });
  });

  it('measures on training images it did not train on, and writes nothing, when told so', async () => {
    const [row] = await measureAccuracy(
      addon,
      options('float', { validationImages: 40, out: null, seeds: [1] }),
    );
    expect(row?.record.setup).toMatchObject({ trainImages: 600, testImages: 40 });
    // Of 40 images every share is a multiple of 1/40.
    expect(((row?.record.measurements[0]?.packed ?? 0) * 40) % 1).toBeCloseTo(0, 9);
    const refused = measureAccuracy(addon, options('float', { validationImages: 640, out: null }));
    await expect(refused).rejects.toMatchObject({ code: 'E-DATASET-MISMATCH' });
  });

  it('stops when told to; rows finished before stay', async () => {
    const stop = new AbortController();
    const ofItsOwn = join(folder, 'stopped');
    const running = measureAccuracy(
      addon,
      options('w8,w4', {
        out: ofItsOwn,
        seeds: [1],
        signal: stop.signal,
        onProgress: (event) => {
          if (event.kind === 'begin' && event.row.id === 'w4') setTimeout(() => stop.abort(), 0);
        },
        recipe: { epochs: 200 },
      }),
    );
    await expect(running).rejects.toMatchObject({ code: 'E-CANCELLED' });
    expect((await readRecord(join(ofItsOwn, 'accuracy.json'))).map(({ id }) => id)).toEqual(['w8']);
  });

  it('says how to get the data set where it is missing', async () => {
    const missing = measureAccuracy(addon, options('float', { source: join(folder, 'nowhere') }));
    await expect(missing).rejects.toMatchObject({
      code: 'E-FILE-MISSING',
      remedy: expect.stringContaining('apt-get install -y dataset-fashion-mnist'),
    });
  });

  it('trains the convolutional network', async () => {
    const [row] = await measureAccuracy(addon, options('cnn-w4a4', { out: null, seeds: [1] }));
    expect(row?.record.measurements[0]?.epochs).toHaveLength(1);
    expect(row?.record.measurements[0]?.packed).toBeGreaterThan(0.3);
  });

  it('refuses a damaged record and leaves it as it is', async () => {
    const damaged = join(folder, 'damaged');
    await mkdir(damaged);
    await writeFile(join(damaged, 'accuracy.json'), '{"rows": [{}]}');
    const refused = measureAccuracy(addon, options('float', { out: damaged, seeds: [1] }));
    await expect(refused).rejects.toMatchObject({ code: 'E-FILE-UNREADABLE' });
    expect(await readFile(join(damaged, 'accuracy.json'), 'utf8')).toBe('{"rows": [{}]}');
  });
});
