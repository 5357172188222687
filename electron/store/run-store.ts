/**
 * The runs of a project: `runs/<id>/` with run.json, series.ndjson, checkpoint.bin and weights.safetensors.
 * The folders are the list of runs; nothing else records it, so nothing can disagree with it.
 */
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { QatError } from '../contract/errors.js';
import { isActive, type RunSeries, type RunSummary, runSummarySchema } from '../contract/index.js';
import {
  type AtomicWriteOptions,
  type FileContent,
  removeStaleTemporaryFiles,
  syncFolder,
  writeFileAtomic,
} from '../formats/atomic-file.js';
import { errnoOf, toReadError, toWriteError } from '../formats/file-errors.js';
import { allocateBytes, withRegularFile } from '../formats/regular-file.js';
import { AppendFile } from './append-file.js';
import { LatestWriter } from './latest-writer.js';
import { readJsonFile } from './read-json.js';
import {
  decimateDiagnostics,
  decimateMinMax,
  encodeSeries,
  readSeriesFile,
  type SeriesPoints,
} from './series.js';

const runFileSchema = z.strictObject({ schemaVersion: z.literal(1), run: runSummarySchema });
const runFileVersion = 1;
const trashPrefix = '.deleted-';

export interface RunPaths {
  readonly folder: string;
  readonly checkpoint: string;
  readonly weights: string;
}

interface OpenRun {
  summary: RunSummary;
  readonly writer: LatestWriter;
  series: Promise<AppendFile> | undefined;
}

export class RunStore {
  readonly #folder: string;
  readonly #runs = new Map<string, OpenRun>();
  /** What could not be read, in words for the user. */
  readonly notices: string[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Reads all runs of `projectFolder`. A run found running or paused belongs to a process that has ended and
   * becomes `interrupted`. A run that cannot be read is left on disk and named in `notices`.
   */
  static async open(projectFolder: string): Promise<RunStore> {
    const store = new RunStore(join(projectFolder, 'runs'));
    try {
      await mkdir(store.#folder, { recursive: true });
    } catch (thrown) {
      throw toWriteError(store.#folder, thrown);
    }
    for (const name of (await readdir(store.#folder)).sort()) await store.#load(name);
    return store;
  }

  async #load(name: string): Promise<void> {
    const folder = join(this.#folder, name);
    if (name.startsWith(trashPrefix)) {
      await rm(folder, { recursive: true, force: true }).catch(() => undefined);
      return;
    }
    try {
      const { value } = await readJsonFile(join(folder, 'run.json'), runFileSchema, runFileVersion);
      if (value.run.id !== name) throw new Error(`the run names itself ${value.run.id}`);
      await removeStaleTemporaryFiles(folder);
      const stale = isActive(value.run);
      this.#register(stale ? { ...value.run, state: 'interrupted' } : value.run);
      if (stale) await this.#get(name).writer.write();
    } catch (thrown) {
      if (thrown instanceof QatError && thrown.code.startsWith('E-DISK')) throw thrown;
      this.notices.push(`Run ${name} was left out: ${thrown instanceof Error ? thrown.message : thrown}`);
    }
  }

  #register(summary: RunSummary): OpenRun {
    const path = join(this.#folder, summary.id, 'run.json');
    const run: OpenRun = {
      summary,
      series: undefined,
      writer: new LatestWriter(path, () =>
        JSON.stringify({ schemaVersion: runFileVersion, run: run.summary }),
      ),
    };
    this.#runs.set(summary.id, run);
    return run;
  }

  #get(runId: string): OpenRun {
    const run = this.#runs.get(runId);
    if (run) return run;
    throw new QatError('E-RUN-UNKNOWN', `The project has no run ${runId}.`, 'Choose one of the listed runs.');
  }

  /** All runs, oldest first. */
  list(): RunSummary[] {
    const runs = [...this.#runs.values()].map((run) => run.summary);
    return runs.sort((a, b) => a.createdAt.localeCompare(b.createdAt) || a.id.localeCompare(b.id));
  }

  /** @throws E-RUN-UNKNOWN */
  get(runId: string): RunSummary {
    return this.#get(runId).summary;
  }

  /** @throws E-RUN-UNKNOWN */
  paths(runId: string): RunPaths {
    this.#get(runId);
    const folder = join(this.#folder, runId);
    return {
      folder,
      checkpoint: join(folder, 'checkpoint.bin'),
      weights: join(folder, 'weights.safetensors'),
    };
  }

  /** Records a new run. @throws E-REQUEST-INVALID, E-RUN-STATE when the id exists, E-DISK-* */
  async add(summary: RunSummary): Promise<void> {
    const valid = validRun(summary);
    const folder = join(this.#folder, valid.id);
    try {
      await mkdir(folder);
      await syncFolder(this.#folder);
    } catch (thrown) {
      if (errnoOf(thrown) !== 'EEXIST') throw toWriteError(folder, thrown);
      throw new QatError('E-RUN-STATE', `There already is a run ${valid.id}.`, 'Start the run again.');
    }
    try {
      await this.#register(valid).writer.write();
    } catch (thrown) {
      this.#runs.delete(valid.id);
      await rm(folder, { recursive: true, force: true }).catch(() => undefined);
      throw thrown;
    }
  }

  /** Replaces the summary; resolves when this one or a later one is on disk. @throws E-RUN-UNKNOWN, E-DISK-* */
  async update(summary: RunSummary): Promise<void> {
    const valid = validRun(summary);
    const run = this.#get(valid.id);
    run.summary = valid;
    await run.writer.write();
  }

  /** @throws E-RUN-UNKNOWN, E-DISK-* */
  async delete(runId: string): Promise<void> {
    const run = this.#get(runId);
    this.#runs.delete(runId);
    await run.writer.settled();
    await (await run.series)?.close();
    const folder = join(this.#folder, runId);
    const trash = join(this.#folder, `${trashPrefix}${runId}`);
    try {
      // Gone in one step; what follows is only tidying up, and is done at the next opening otherwise.
      await rename(folder, trash);
      await syncFolder(this.#folder);
    } catch (thrown) {
      this.#register(run.summary);
      throw toWriteError(folder, thrown);
    }
    await rm(trash, { recursive: true, force: true }).catch(() => undefined);
  }

  /**
   * Appends points; resolves when they are in the file, and only then may they be shown. They survive the
   * end of this process at once, a power cut after `flush` or `close`. Await it: that is what bounds the
   * memory of waiting points. @throws E-RUN-UNKNOWN, E-DISK-*
   */
  async appendSeries(runId: string, points: SeriesPoints): Promise<void> {
    const run = this.#get(runId);
    if (Object.values(points).every((kind) => kind.length === 0)) return;
    const file = await this.#series(runId, run);
    await file.append(encodeSeries(points));
  }

  async #series(runId: string, run: OpenRun): Promise<AppendFile> {
    run.series ??= AppendFile.open(join(this.#folder, runId, 'series.ndjson'), false);
    try {
      return await run.series;
    } catch (thrown) {
      run.series = undefined;
      throw thrown;
    }
  }

  /**
   * The series decimated for drawing, extremes of loss kept.
   * @param maxPoints 2 to 1500, for steps and evaluations each
   * @throws E-RUN-UNKNOWN, E-FILE-*
   */
  async readSeries(runId: string, maxPoints = 1500): Promise<RunSeries> {
    const limit = Math.min(1500, Math.max(2, Math.floor(maxPoints)));
    const { steps, evaluations, diagnostics } = await this.readFullSeries(runId);
    return {
      runId,
      steps: decimateMinMax(steps, (point) => point.loss, limit),
      evaluations: decimateMinMax(evaluations, (point) => point.testLoss, limit),
      diagnostics: decimateDiagnostics(diagnostics, limit),
    };
  }

  /** Every recorded point. @throws E-RUN-UNKNOWN, E-FILE-* */
  async readFullSeries(runId: string): Promise<SeriesPoints> {
    return readSeriesFile(join(this.paths(runId).folder, 'series.ndjson'));
  }

  /** Replaces the checkpoint, or leaves the old one whole. @throws E-RUN-UNKNOWN, E-DISK-*, E-CANCELLED */
  async writeCheckpoint(
    runId: string,
    content: FileContent,
    options: AtomicWriteOptions = {},
  ): Promise<void> {
    await writeFileAtomic(this.paths(runId).checkpoint, content, options);
  }

  /** The checkpoint's bytes, undefined when there is none. @throws E-RUN-UNKNOWN, E-FILE-*, E-OUT-OF-MEMORY */
  async readCheckpoint(runId: string): Promise<Uint8Array | undefined> {
    const path = this.paths(runId).checkpoint;
    try {
      return await withRegularFile(path, async (file) => {
        const bytes = new Uint8Array(allocateBytes(path, file.sizeBytes));
        await file.readInto(bytes, 0);
        return bytes;
      });
    } catch (thrown) {
      const error = toReadError(path, thrown);
      if (error.code === 'E-FILE-MISSING') return undefined;
      throw error;
    }
  }

  /** Waits for every pending write. @throws the first failure, after all files are closed */
  async close(): Promise<void> {
    const closing = [...this.#runs.values()].map(async (run) => {
      await run.writer.settled();
      await (await run.series)?.close();
      run.series = undefined;
    });
    for (const result of await Promise.allSettled(closing)) {
      if (result.status === 'rejected') throw result.reason;
    }
  }
}

function validRun(summary: RunSummary): RunSummary {
  const parsed = runSummarySchema.safeParse(summary);
  if (parsed.success) return parsed.data;
  throw new QatError(
    'E-REQUEST-INVALID',
    `The record of run ${String(summary.id).slice(0, 100)} is not valid: ${parsed.error.issues[0]?.message}.`,
    'Report it with the log.',
    { cause: parsed.error },
  );
}
