/**
 * What the engine knows of a run: the summary the window sees, and beside it in `training.json` what
 * resuming needs. Runs whose sidecar is missing can be looked at; resuming measures anew.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { RunSummary } from '../contract/index.js';
import { writeFileAtomic } from '../formats/index.js';
import type { RunStore } from '../store/index.js';
import { readJsonFile } from '../store/read-json.js';

const sidecarVersion = 1;
const sidecarSchema = z.strictObject({
  schemaVersion: z.literal(sidecarVersion),
  floatAccuracy: z.number().min(0).max(1),
  accuracyBefore: z.number().min(0).max(1),
  /** Milliseconds of training as of the last checkpoint or the end, pauses left out. */
  trainedMs: z.number().nonnegative(),
  /** Kernel level it was started with; the same one gives the same bits on resuming. */
  kernels: z.string().max(32),
  /** Quantizer libraries that train in it, by id, with the SHA-256 of their file: other code gives other bits. */
  libraries: z.record(z.string().max(64), z.string().max(64)).default({}),
});
type Sidecar = z.infer<typeof sidecarSchema>;

export interface RunRecord extends Omit<Sidecar, 'schemaVersion'> {
  summary: RunSummary;
}

function sidecarPath(runs: RunStore, runId: string): string {
  return join(runs.paths(runId).folder, 'training.json');
}

/** @throws E-RUN-UNKNOWN, E-DISK-* */
export async function addRun(runs: RunStore, record: RunRecord): Promise<void> {
  await runs.add(record.summary);
  await saveSidecar(runs, record);
}

/** Summary and sidecar. @throws E-RUN-UNKNOWN, E-DISK-* */
export async function saveRun(runs: RunStore, record: RunRecord): Promise<void> {
  // The summary first: it is what the project shows, also when the disk takes no more.
  await runs.update(record.summary);
  await saveSidecar(runs, record);
}

async function saveSidecar(runs: RunStore, record: RunRecord): Promise<void> {
  const { summary, ...rest } = record;
  const sidecar: Sidecar = { schemaVersion: sidecarVersion, ...rest };
  await writeFileAtomic(sidecarPath(runs, summary.id), JSON.stringify(sidecar));
}

/** The record of a run on disk. @throws E-RUN-UNKNOWN, E-FILE-* */
export async function readRun(runs: RunStore, runId: string): Promise<RunRecord> {
  const summary = runs.get(runId);
  const { value } = await readJsonFile(sidecarPath(runs, runId), sidecarSchema, sidecarVersion);
  const { schemaVersion: _version, ...rest } = value;
  return { summary: structuredClone(summary), ...rest };
}

export async function deleteCheckpoint(runs: RunStore, runId: string): Promise<void> {
  await rm(runs.paths(runId).checkpoint, { force: true });
}
