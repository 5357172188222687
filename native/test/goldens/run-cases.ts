/** Runs every case of a folder on the kernel level this process was started with. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NativeAddon } from '../../index.js';
import { chooseChecker } from './checkers.js';
import { GoldenCase, type IndexEntry } from './golden-case.js';
import { isWithin, type Measurement, worst } from './measure.js';

export interface CaseResult {
  file: string;
  outcome: 'passed' | 'failed';
  /** The measurement nearest its bound, or an error's message. */
  measurement?: Measurement;
  message?: string;
  /** The first quantity, if any, that the inputs do not determine to the README's bound. */
  note?: string;
}

export async function readIndex(directory: string): Promise<IndexEntry[]> {
  const index: unknown = JSON.parse(await readFile(join(directory, 'index.json'), 'utf8'));
  const cases = (index as { cases?: unknown }).cases;
  if (!Array.isArray(cases) || cases.some((entry) => typeof entry?.file !== 'string')) {
    throw new Error(`${join(directory, 'index.json')} lists no cases`);
  }
  return cases as IndexEntry[];
}

export async function runCases(
  addon: NativeAddon,
  directory: string,
  onResult: (result: CaseResult) => void,
): Promise<void> {
  for (const entry of await readIndex(directory)) onResult(await runCase(addon, directory, entry));
}

async function runCase(addon: NativeAddon, directory: string, entry: IndexEntry): Promise<CaseResult> {
  const { file } = entry;
  try {
    const golden = await GoldenCase.open(directory, entry);
    const check = chooseChecker(golden);
    if (!check) return { file, outcome: 'failed', message: 'no checker knows such a case' };
    const measurements = await check(addon, golden);
    const measurement = worst(measurements);
    const note = measurements.find((one) => one.note)?.note;
    const outcome = isWithin(measurement) ? 'passed' : 'failed';
    return { file, outcome, measurement, ...(note ? { note } : {}) };
  } catch (thrown) {
    return { file, outcome: 'failed', message: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}
