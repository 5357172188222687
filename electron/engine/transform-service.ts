/** Folding batch norms and equalising channels of the open model, into a new file that is proven. */
import { basename } from 'node:path';
import {
  type ChangedLayer,
  QatError,
  type RouteInput,
  type RouteOutput,
  type TransformChoice,
  type TransformPlan,
  type TransformRecord,
} from '../contract/index.js';
import { hashFile, writeSafetensors } from '../formats/index.js';
import { type CallOptions, throwIfAborted } from './call-options.js';
import type { EngineContext } from './context.js';
import type { JobControl } from './jobs.js';
import type { Model } from './model.js';
import type { OpenProject } from './open-project.js';
import { refuseSourceFile } from './source-file.js';
import { changedLayer } from './transform-figures.js';
import { openWritten, proveTransformed } from './transform-proof.js';
import {
  type TransformedModel,
  transformedMetadata,
  transformedSources,
  transformModel,
  transformPlan,
} from './transformed-model.js';

/** From here on a try is worth a line in the job bar. */
const longTryMs = 800;

/** For tests of the proof: called with the written temporary file before it is read again. */
export type AfterWrite = (temporaryPath: string) => Promise<void>;

export class TransformService {
  readonly #context: EngineContext;
  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** What can be folded and equalised, and why not the rest. */
  async plan(): Promise<TransformPlan> {
    return transformPlan(this.#context.current().model);
  }

  /** The weights that the choice changes, before and after. Nothing is written. @throws as `transformModel` */
  async try(choice: TransformChoice, options?: CallOptions): Promise<RouteOutput<'model.tryTransforms'>> {
    const { model } = this.#context.current();
    const late = { ...options, announceAfterMs: longTryMs };
    return this.#context.jobs.run('transform', 'Try folding and equalising', late, async ({ signal }) => {
      const transformed = await transformModel(this.#context.addon, model, choice, signal);
      return { layers: await this.#figures(model, transformed, this.#inMemory(transformed), signal) };
    });
  }

  /**
   * Writes a float model file, re-reads it and proves that its network gives the same outputs; only a file that holds
   * takes its name. @throws E-TRANSFORM-PROOF, E-DISK-*, E-CANCELLED, and as `transformModel`
   */
  async write(
    { choice, path }: { choice: RouteInput<'model.writeTransformed'>['choice']; path: string },
    options?: CallOptions,
    afterWrite?: AfterWrite,
  ): Promise<TransformRecord> {
    const project = this.#context.current();
    await refuseSourceFile(project.model.file, path);
    return this.#context.jobs.run('transform', `Write ${basename(path)}`, options, async (job) => {
      job.progress(0, 'Fold and equalise');
      const transformed = await transformModel(this.#context.addon, project.model, choice, job.signal);
      return this.#writeProven(project, transformed, path, job, afterWrite);
    });
  }

  async #writeProven(
    project: OpenProject,
    transformed: TransformedModel,
    path: string,
    job: JobControl,
    afterWrite?: AfterWrite,
  ): Promise<TransformRecord> {
    const { addon } = this.#context;
    const { model, dataset } = project;
    let proven: Omit<TransformRecord, 'path' | 'sizeBytes' | 'sha256'> | undefined;
    const written = await writeSafetensors(path, transformedSources(model, transformed, job.signal), {
      metadata: transformedMetadata(model, transformed),
      signal: job.signal,
      onProgress: (done, total) => job.progress(0.1 + (0.2 * done) / total, 'Write'),
      verify: async (temporaryPath) => {
        await afterWrite?.(temporaryPath);
        const reread = await openWritten(addon, temporaryPath, job.signal);
        try {
          const onProgress = (fraction: number, detail: string) => job.progress(0.3 + 0.6 * fraction, detail);
          const proof = await proveTransformed(reread, {
            addon,
            model,
            dataset,
            signal: job.signal,
            onProgress,
          });
          const layers = await this.#figures(model, transformed, reread, job.signal);
          throwIfAborted(job.signal);
          proven = { folded: transformed.folded, equalized: transformed.equalized, ...proof, layers };
        } finally {
          reread.close();
        }
      },
    });
    if (!proven) throw new Error('The written file was not proven.');
    job.progress(0.95, 'Hash');
    const { sha256, sizeBytes } = await hashFile(path);
    if (sha256 === written.sha256) return { path, sizeBytes, sha256, ...proven };
    throw new QatError(
      'E-TRANSFORM-PROOF',
      `${path} changed while it was being proven.`,
      'Close what else writes to it and write again.',
    );
  }

  #inMemory({ changed }: TransformedModel): Pick<Model, 'withTensor'> {
    return {
      withTensor: async (name, work) => {
        const { shape = [], values = new Float32Array(0) } = changed.get(name) ?? {};
        const tensor = this.#context.addon.tensorFromArray(
          values,
          shape[0] ?? 0,
          values.length / (shape[0] ?? 1),
        );
        try {
          return await work(tensor);
        } finally {
          tensor.dispose();
        }
      },
    };
  }

  async #figures(
    model: Model,
    { changed }: TransformedModel,
    after: Pick<Model, 'withTensor'>,
    signal: AbortSignal,
  ): Promise<ChangedLayer[]> {
    const layers: ChangedLayer[] = [];
    for (const { name } of model.content.layers) {
      throwIfAborted(signal);
      if (changed.has(name)) layers.push(await changedLayer(this.#context.addon, name, model, after, signal));
    }
    return layers;
  }
}
