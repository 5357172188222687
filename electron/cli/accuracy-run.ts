/** Measures rows one after the other and keeps what was measured. */
import { mkdir, readFile } from 'node:fs/promises';
import { arch, cpus, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { QatError } from '../contract/index.js';
import type { Dataset, NativeAddon } from '../engine/index.js';
import { type IdxDataset, type IdxSplit, writeFileAtomic } from '../formats/index.js';
import { type AccuracyRow, networkOf } from './accuracy-networks.js';
import { drawAccuracies } from './accuracy-plot.js';
import { formatRecord, type Measurement, mergeRow, type RowRecord, readRecord } from './accuracy-record.js';
import { emptyDocument, plotPath, type ReportRow, replaceMeasured } from './accuracy-report.js';
import { accuracyRecipes, accuracyRows, type Recipe } from './accuracy-rows.js';
import { trainAndMeasure } from './accuracy-training.js';
import { openFashionMnist } from './fashion-mnist.js';
import { pixelStatistics } from './sample-set.js';

const recordName = 'accuracy.json';

export interface AccuracyOptions {
  /** Folder of the four IDX files. */
  source: string;
  rows: readonly AccuracyRow[];
  seeds: readonly number[];
  /** In place of what the network's recipe says. */
  recipe: Partial<Recipe>;
  /** Hold so many images at the end of the training set back and measure on them, not on the test set. 0 = do not. */
  validationImages: number;
  /** Folder for the record, the table and the plot; null = write nothing. */
  out: string | null;
  signal?: AbortSignal | undefined;
  onProgress?: ((event: AccuracyEvent) => void) | undefined;
}

export type AccuracyEvent =
  | { kind: 'begin'; row: AccuracyRow; seed: number }
  | { kind: 'epoch'; accuracy: number }
  | { kind: 'seed'; measurement: Measurement }
  | { kind: 'row'; record: RowRecord };

/** @throws E-FILE-MISSING, E-DATASET-MISMATCH, E-CANCELLED (rows finished before stay written), E-TRAINING-DIVERGED. */
export async function measureAccuracy(addon: NativeAddon, options: AccuracyOptions): Promise<ReportRow[]> {
  const images = await openFashionMnist(options.source, options.signal);
  const [trainSplit, testSplit] = splits(images, options.validationImages);
  const input = pixelStatistics(trainSplit.pixels);
  const dataset = ({ pixels, labels, count }: IdxSplit): Dataset =>
    addon.createDatasetFromBytes(pixels, labels, { count, features: images.features, classes: 10 }, input);
  const [train, test] = [dataset(trainSplit), dataset(testSplit)];
  const measured: ReportRow[] = [];
  try {
    for (const row of options.rows) {
      const recipe = { ...accuracyRecipes[row.network], ...row.recipe, ...options.recipe };
      const measurements: Measurement[] = [];
      for (const seed of options.seeds) {
        options.onProgress?.({ kind: 'begin', row, seed });
        const measurement = await trainAndMeasure(addon, {
          ...{ nodes: networkOf(row, images), recipe, seed, train, test, signal: options.signal },
          onEpoch: (accuracy) => options.onProgress?.({ kind: 'epoch', accuracy }),
        });
        measurements.push(measurement);
        options.onProgress?.({ kind: 'seed', measurement });
      }
      const setup = {
        ...{ date: new Date().toISOString().slice(0, 10), machine: describeMachine(addon) },
        ...{ trainImages: train.count, testImages: test.count, recipe },
      };
      const record: RowRecord = { id: row.id, setup, measurements };
      measured.push({ row, record });
      if (options.out !== null) await writeResults(options.out, record);
      options.onProgress?.({ kind: 'row', record });
    }
  } finally {
    train.dispose();
    test.dispose();
  }
  return measured;
}

/** What to train on and what to measure on. */
function splits({ train, test, features }: IdxDataset, validationImages: number): [IdxSplit, IdxSplit] {
  if (validationImages === 0) return [train, test];
  const kept = train.count - validationImages;
  if (kept < 1) {
    throw new QatError(
      'E-DATASET-MISMATCH',
      `The training set has ${train.count} images; ${validationImages} cannot be held back for validation.`,
      'Use the complete Fashion-MNIST files, or measure on the test set.',
    );
  }
  const part = (from: number, to: number): IdxSplit => ({
    count: to - from,
    pixels: train.pixels.subarray(from * features, to * features),
    labels: train.labels.subarray(from, to),
  });
  return [part(0, kept), part(kept, train.count)];
}

/** After every row: what was measured is on disk whatever happens to the rows after it. */
async function writeResults(folder: string, record: RowRecord): Promise<void> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, recordName);
  const ids = accuracyRows.map(({ id }) => id);
  await writeFileAtomic(path, formatRecord(mergeRow(await readRecord(path), record, ids)));
  await writeReport(folder);
}

/** The table and the plot from the record in `folder`. @throws E-FILE-MISSING when there is none. */
export async function writeReport(folder: string): Promise<void> {
  const records = new Map((await readRecord(join(folder, recordName))).map((record) => [record.id, record]));
  const rows = accuracyRows.flatMap((row) => {
    const record = records.get(row.id);
    return record ? [{ row, record }] : [];
  });
  if (rows.length === 0) {
    throw new QatError(
      'E-FILE-MISSING',
      `${folder} has no measured rows.`,
      'Measure some: npm run accuracy.',
    );
  }
  const plot = join(folder, plotPath);
  await mkdir(dirname(plot), { recursive: true });
  await writeFileAtomic(plot, drawAccuracies(rows));
  const document = join(folder, 'accuracy.md');
  await writeFileAtomic(document, replaceMeasured(await readDocument(document), rows));
}

async function readDocument(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return emptyDocument;
    throw thrown;
  });
}

function describeMachine(addon: NativeAddon): string {
  const [first] = cpus();
  return `${first?.model.trim() ?? 'an unknown processor'}, ${platform()} ${arch()}, ${addon.info().isa} kernels`;
}
