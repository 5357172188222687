/** What was measured, kept in `accuracy.json`: the table and the plot are made from it and from nothing else. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { QatError } from '../contract/index.js';
import { recipeSchema } from './accuracy-rows.js';

const share = z.number().min(0).max(1);

/** Shares of the test images that were classified right. */
const measurementSchema = z.strictObject({
  seed: z.int().min(0),
  /** By the integer codes that are exported. */
  packed: share,
  /** By the float arithmetic of the training. */
  fakeQuant: share,
  /** As `fakeQuant` after each epoch. */
  epochs: z.array(share),
});
export type Measurement = z.infer<typeof measurementSchema>;

/** How a row's measurements came about. */
const setupSchema = z.strictObject({
  date: z.iso.date(),
  machine: z.string(),
  trainImages: z.int().positive(),
  testImages: z.int().positive(),
  recipe: recipeSchema,
});
export type Setup = z.infer<typeof setupSchema>;

const rowRecordSchema = z.strictObject({
  id: z.string(),
  setup: setupSchema,
  measurements: z.array(measurementSchema).min(1),
});
export type RowRecord = z.infer<typeof rowRecordSchema>;

const recordSchema = z.strictObject({ rows: z.array(rowRecordSchema) });

/** The rows of the file; none when there is no file yet. @throws E-FILE-UNREADABLE when it is no record. */
export async function readRecord(path: string): Promise<RowRecord[]> {
  const text = await readFile(path, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return null;
    throw thrown;
  });
  if (text === null) return [];
  try {
    return recordSchema.parse(JSON.parse(text)).rows;
  } catch (cause) {
    const remedy = 'Restore it, or delete it and measure all rows again.';
    throw new QatError('E-FILE-UNREADABLE', `${path} is not a record of accuracies.`, remedy, { cause });
  }
}

/** JSON as the project's formatter has it: lists of numbers on one line. */
export function formatRecord(rows: readonly RowRecord[]): string {
  const text = JSON.stringify({ rows }, null, 2);
  return `${text.replace(/\[[\d.,\s]+\]/g, (list) => JSON.stringify(JSON.parse(list)).replaceAll(',', ', '))}\n`;
}

/** `measured` in the place of the row of the same id, in the order of `ids`; rows of other ids are dropped. */
export function mergeRow(
  rows: readonly RowRecord[],
  measured: RowRecord,
  ids: readonly string[],
): RowRecord[] {
  const byId = new Map([...rows, measured].map((row) => [row.id, row]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}

/** The middle value, or the mean of the two in the middle. NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}

/** Median of the seeds, in percent. */
export function medianPercent(row: RowRecord, of: 'packed' | 'fakeQuant' = 'packed'): number {
  return 100 * median(row.measurements.map((measurement) => measurement[of]));
}
