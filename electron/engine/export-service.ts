/** Writing packed weights with their proof, and checking a file exported earlier against it. */
import { basename } from 'node:path';
import { type ExportRecord, QatError, type RouteInput, type RouteOutput } from '../contract/index.js';
import { hashFile, writeSafetensors } from '../formats/index.js';
import { type CallOptions, throwIfAborted } from './call-options.js';
import type { EngineContext } from './context.js';
import { modelSource } from './export-model.js';
import { proveFile } from './export-proof.js';
import { runSource } from './export-run.js';
import type { ExportSource } from './export-source.js';
import type { JobControl } from './jobs.js';
import type { OpenProject } from './open-project.js';
import { packedSources } from './packed-file.js';
import { writePackedMetadata } from './packed-format.js';
import { refuseSourceFile } from './source-file.js';

export interface WriteExportInput {
  /** null = the model's layers as quantized. */
  runId: string | null;
  path: string;
}

/** For tests of the proof: called with the written temporary file before it is read again. */
export type AfterWrite = (temporaryPath: string) => Promise<void>;

export class ExportService {
  readonly #context: EngineContext;
  constructor(context: EngineContext) {
    this.#context = context;
  }

  /**
   * Writes, re-reads and proves; only a file that holds takes its name.
   * @throws E-EXPORT-PROOF, E-DISK-*, E-RUN-STATE, E-LAYER-STATE, E-CANCELLED
   */
  async write(input: WriteExportInput, options?: CallOptions): Promise<ExportRecord> {
    const project = this.#context.current();
    await refuseSourceFile(project.model.file, input.path);
    const title = `Export ${basename(input.path)}`;
    return this.#context.jobs.run('export', title, options, async (job) => {
      job.progress(null, 'Prepare');
      // Layers may get other results while this one reads theirs.
      const release = project.layerStates.files.hold();
      try {
        return await this.#write(project, input, job);
      } finally {
        await release();
      }
    });
  }

  async #write(project: OpenProject, input: WriteExportInput, job: JobControl): Promise<ExportRecord> {
    const source =
      input.runId === null
        ? await modelSource(this.#context, project, job.signal)
        : await runSource(this.#context, project, input.runId);
    try {
      const record = await writeProven(this.#context, source, input.path, job);
      await project.addExport(record);
      return record;
    } finally {
      source.dispose();
    }
  }

  /** Re-reads an exported file. @throws E-FILE-*, E-REQUEST-INVALID when this project never exported it */
  async verify(
    input: RouteInput<'export.verify'>,
    options?: CallOptions,
  ): Promise<RouteOutput<'export.verify'>> {
    const record = this.#record(this.#context.current(), input.path);
    const { sha256 } = await hashFile(input.path, { signal: options?.signal });
    return { matches: sha256 === record.sha256, sha256, record };
  }

  #record(project: OpenProject, path: string): ExportRecord {
    const record = [...project.exports].reverse().find((candidate) => candidate.path === path);
    if (record) return record;
    throw new QatError(
      'E-REQUEST-INVALID',
      `${path} was not exported from this project, so there is no proof to compare it with.`,
      'Choose a file of the project’s list of exports.',
    );
  }
}

/** Writes the source to `path` and proves it. `afterWrite` is a seam for tests of the proof alone. */
export async function writeProven(
  context: EngineContext,
  source: ExportSource,
  path: string,
  job: JobControl,
  afterWrite?: AfterWrite,
): Promise<ExportRecord> {
  let proven: Omit<ExportRecord, 'path' | 'createdAt' | 'sizeBytes' | 'sha256'> | undefined;
  const written = await writeSafetensors(path, packedSources(source), {
    metadata: Object.entries(writePackedMetadata(source.description)),
    signal: job.signal,
    onProgress: (done, total) => job.progress((0.4 * done) / total, 'Write'),
    verify: async (temporaryPath) => {
      await afterWrite?.(temporaryPath);
      const proof = await proveFile(temporaryPath, {
        addon: context.addon,
        source,
        signal: job.signal,
        onProgress: (fraction, detail) => job.progress(0.4 + 0.55 * fraction, detail),
      });
      throwIfAborted(job.signal);
      proven = { source: source.id, label: source.label, ...proof };
    },
  });
  if (!proven) throw new Error('The written file was not proven.');
  job.progress(0.95, 'Hash');
  const { sha256, sizeBytes } = await hashFile(path);
  if (sha256 !== written.sha256) {
    throw new QatError(
      'E-EXPORT-PROOF',
      `${path} changed while it was being proven.`,
      'Close what else writes to it and export again.',
    );
  }
  return { path, createdAt: new Date().toISOString(), sizeBytes, sha256, ...proven };
}
