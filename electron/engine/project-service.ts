/** Opening, configuring and closing projects. One is open at a time; another one replaces it whole. */
import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import {
  type ConfiguredLayers,
  type DatasetInfo,
  defaultLayerConfig,
  type ProjectState,
  QatError,
  type RouteInput,
} from '../contract/index.js';
import { hashFile, openSafetensors, toReadError } from '../formats/index.js';
import { createProject, openProject, type ProjectDocument, type ProjectStore } from '../store/index.js';
import { loadProject } from '../store/project-files.js';
import { asQatError, type CallOptions } from './call-options.js';
import type { EngineContext } from './context.js';
import { type OpenDataset, readDataset } from './dataset.js';
import type { JobControl } from './jobs.js';
import { Model } from './model.js';
import { OpenProject } from './open-project.js';
import { isPackedFile } from './packed-format.js';
import type { RunService } from './run-service.js';

const sampleName = 'Fashion-MNIST sample';

export class ProjectService {
  readonly #context: EngineContext;
  readonly #runs: RunService;
  /** Called after the open project was replaced or closed. */
  readonly #replaced: (project: OpenProject | null) => void;
  /** Opening and closing one after the other. */
  #queue: Promise<unknown> = Promise.resolve();
  #open: OpenProject | null = null;

  constructor(context: EngineContext, runs: RunService, replaced: (project: OpenProject | null) => void) {
    this.#context = context;
    this.#runs = runs;
    this.#replaced = replaced;
  }

  /** The open project, null when there is none. */
  get open(): OpenProject | null {
    return this.#open;
  }

  async current(): Promise<{ project: ProjectState | null }> {
    return { project: this.#open?.state() ?? null };
  }

  /** The sample model and data set of the app; its project is reopened when it exists. */
  openSample(options?: CallOptions): Promise<ProjectState> {
    return this.#opening('Open the sample project', options, async (job) => {
      const path = join(this.#context.assetsFolder, 'sample', 'fashion-mlp.safetensors');
      const model = await this.#readModel(path, job);
      const found = await this.#find((document) => document.sample && document.model.sha256 === model.sha256);
      if (found) return this.#reopen(found, job, model);
      const dataset = await this.#tryDataset(model, this.#sampleDataset(), job);
      return this.#create(sampleName, true, model, dataset);
    });
  }

  /**
   * Opens a .safetensors model: its project when there is one for this file as it is, else a new one.
   * @throws E-FILE-*, E-SAFETENSORS-*, E-MODEL-EMPTY, E-CANCELLED
   */
  openModel(input: { path: string }, options?: CallOptions): Promise<ProjectState> {
    const path = resolve(input.path);
    return this.#opening(`Open ${basename(path)}`, options, async (job) => {
      const model = await this.#readModel(path, job);
      const found = await this.#find(
        ({ model: saved, sample }) => !sample && saved.path === path && saved.sha256 === model.sha256,
      );
      if (found) return this.#reopen(found, job, model);
      return this.#create(basename(path), false, model, noDataset(model));
    });
  }

  /** Opens a project folder. @throws E-PROJECT-*, E-FILE-MISSING, E-FILE-CHANGED (its model), E-CANCELLED */
  openFolder(input: { path: string }, options?: CallOptions): Promise<ProjectState> {
    const folder = resolve(input.path);
    return this.#opening(`Open ${basename(folder)}`, options, (job) => this.#reopen(folder, job));
  }

  /** Attaches an IDX folder to the open model. @throws E-TRAINING-UNAVAILABLE, E-DATASET-MISMATCH, E-IDX-* */
  openDataset(input: { path: string }, options?: CallOptions): Promise<ProjectState> {
    const project = this.#context.current();
    const { graph } = project.model.content;
    if (!graph) {
      const { reason } = noDataset(project.model);
      throw new QatError('E-TRAINING-UNAVAILABLE', reason, 'Open a model file that describes its network.');
    }
    this.#runs.refuseWhileTraining();
    return this.#context.jobs.run('open', `Open ${basename(input.path)}`, options, async (job) => {
      job.progress(null, 'Images');
      const dataset = await readDataset(this.#context.addon, input.path, graph, job.signal);
      try {
        // A training may have been started while the images were read.
        this.#runs.refuseWhileTraining();
        return await project.attachDataset(dataset);
      } catch (thrown) {
        if (project.dataset !== dataset) dataset.dispose();
        throw thrown;
      }
    });
  }

  async configure(input: RouteInput<'project.configure'>): Promise<ConfiguredLayers> {
    return this.#context.current().configure(input.changes);
  }

  async saveView(input: RouteInput<'project.saveView'>): Promise<Record<string, never>> {
    await this.#context.current().saveView(input);
    return {};
  }

  /** Suspends the training, saves and closes. Nothing happens when no project is open. */
  close(): Promise<void> {
    return this.#queued(() => this.#close());
  }

  /** `opening` is the job on whose behalf this project is closed, if any. */
  async #close(opening?: JobControl): Promise<void> {
    const project = this.#open;
    if (!project) return;
    // In this order: nothing new begins on the project, what is under way ends, then its data are freed.
    this.#open = null;
    await this.#context.jobs.stopAll(opening?.id);
    await this.#runs.suspend();
    this.#replaced(null);
    await project.close();
  }

  /** Closes the open project for another one; what its last save failed with is told, and keeps nothing up. */
  async #closeForAnother(opening: JobControl): Promise<void> {
    const name = this.#open?.state().name ?? '';
    try {
      await this.#close(opening);
    } catch (thrown) {
      const error = asQatError(thrown).toInfo();
      this.#context.emit({ type: 'error', error, context: `Close ${name}`.slice(0, 300) });
    }
  }

  #queued<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#queue.then(work, work);
    this.#queue = next.catch(() => undefined);
    return next;
  }

  #opening(
    title: string,
    options: CallOptions | undefined,
    work: (job: JobControl) => Promise<OpenProject>,
  ): Promise<ProjectState> {
    return this.#queued(() =>
      this.#context.jobs.run('open', title, options, async (job) => {
        const project = await work(job);
        if (project !== this.#open) {
          await this.#closeForAnother(job);
          this.#open = project;
          this.#replaced(project);
        }
        const state = project.state();
        this.#context.emit({ type: 'project.opened', project: state });
        return state;
      }),
    );
  }

  async #readModel(path: string, job: JobControl): Promise<Model> {
    job.progress(null, 'Header');
    const file = await openSafetensors(path, { signal: job.signal });
    if (isPackedFile(file.metadata)) {
      throw new QatError(
        'E-FILE-FORMAT-UNKNOWN',
        `${path} holds packed weights exported by this program, not a float model.`,
        'Open the float model it was made from. A proof of the file is in the Export view of its project.',
      );
    }
    const { sha256 } = await hashFile(path, {
      signal: job.signal,
      onProgress: (done, total) => job.progress(done / total, 'Checksum'),
    });
    return new Model(this.#context.addon, file, sha256);
  }

  async #create(
    name: string,
    sample: boolean,
    model: Model,
    { dataset, reason }: { dataset: OpenDataset | null; reason: string | null },
  ): Promise<OpenProject> {
    try {
      const layers = model.content.layers.map((layer) => layer.name);
      const store = await createProject(this.#context.projectsFolder, {
        name,
        sample,
        model: modelReference(model),
        dataset: dataset?.info ?? null,
        trainingReason: reason,
        configuration: Object.fromEntries(layers.map((layer) => [layer, defaultLayerConfig])),
        view: { tab: 'distribution', selection: layers.slice(0, 1), runSelection: [] },
      });
      return this.#assemble(store, model, dataset, reason);
    } catch (thrown) {
      dataset?.dispose();
      throw thrown;
    }
  }

  /** Opens a project folder; `model` spares reading the file again when it was just read. */
  async #reopen(folder: string, job: JobControl, model?: Model): Promise<OpenProject> {
    if (this.#open?.folder === folder) return this.#open;
    const store = await openProject(folder);
    try {
      const opened = model ?? (await this.#savedModel(store.document, job));
      if (opened.file.path !== store.document.model.path) await store.saveModel(modelReference(opened));
      const { dataset, reason } = await this.#savedDataset(store.document, opened, job);
      this.#tellNotices(store);
      const project = this.#assemble(store, opened, dataset, reason);
      await project.layerStates.open();
      return project;
    } catch (thrown) {
      await store.close();
      throw thrown;
    }
  }

  /** What the store found amiss and mended: no request failed, so an event says it. */
  #tellNotices(store: ProjectStore): void {
    for (const notice of store.notices) {
      const remedy = 'Nothing needs to be done; what could be read is open.';
      const error = new QatError('E-PROJECT-DAMAGED', notice.slice(0, 4000), remedy).toInfo();
      this.#context.emit({ type: 'error', error, context: `Open ${store.document.name}`.slice(0, 300) });
    }
  }

  #assemble(
    store: ProjectStore,
    model: Model,
    dataset: OpenDataset | null,
    trainingReason: string | null,
  ): OpenProject {
    const { graphError } = model.content;
    if (graphError) {
      const context = `Open ${store.document.name}`.slice(0, 300);
      this.#context.emit({ type: 'error', error: graphError.toInfo(), context });
    }
    const listRuns = (project: OpenProject) => this.#runs.list(project);
    const { emit } = this.#context;
    return new OpenProject({ store, model, dataset, trainingReason, emit, listRuns });
  }

  /** The model of a saved project; a file that changed since is refused. */
  async #savedModel(document: ProjectDocument, job: JobControl): Promise<Model> {
    const path = document.sample
      ? join(this.#context.assetsFolder, 'sample', 'fashion-mlp.safetensors')
      : document.model.path;
    const model = await this.#readModel(path, job);
    if (model.sha256 === document.model.sha256) return model;
    throw new QatError(
      'E-FILE-CHANGED',
      `${path} is not the file this project was made from: its contents have changed.`,
      'Put the original file back, or open the changed file: it becomes a project of its own.',
    );
  }

  async #savedDataset(document: ProjectDocument, model: Model, job: JobControl) {
    const saved: DatasetInfo | null = document.dataset;
    if (document.sample) return this.#tryDataset(model, this.#sampleDataset(), job);
    return saved ? this.#tryDataset(model, saved.path, job) : noDataset(model);
  }

  /** A data set that is missing or damaged does not keep the project from opening: it says why. */
  async #tryDataset(model: Model, folder: string, job: JobControl) {
    const { graph } = model.content;
    if (!graph) return noDataset(model);
    job.progress(null, 'Images');
    try {
      return { dataset: await readDataset(this.#context.addon, folder, graph, job.signal), reason: null };
    } catch (thrown) {
      const error = asQatError(thrown);
      if (error.code === 'E-CANCELLED') throw error;
      return { dataset: null, reason: `${error.message} ${error.remedy}`.slice(0, 1000) };
    }
  }

  #sampleDataset(): string {
    return join(this.#context.assetsFolder, 'sample', 'fashion-mnist');
  }

  /** The folder of the first project that matches; projects that cannot be read are passed over. */
  async #find(matches: (document: ProjectDocument) => boolean): Promise<string | null> {
    const { projectsFolder } = this.#context;
    for (const name of await listFolders(projectsFolder)) {
      const folder = join(resolve(projectsFolder), name);
      try {
        const { document } = await loadProject(folder);
        if (matches(document)) return folder;
      } catch {
        // A damaged project is no reason to refuse another one; opening it by hand says what is wrong.
      }
    }
    return null;
  }
}

const noGraph =
  'The file does not describe its network (no qat.graph in its metadata), so its layers can be analysed, quantized and exported, but not trained.';

function noDataset(model: Model): { dataset: null; reason: string } {
  const { graph, graphError } = model.content;
  if (graphError) return { dataset: null, reason: graphError.message.slice(0, 1000) };
  const reason = graph
    ? 'No data set is attached. Open a folder with the four IDX files of a data set to train.'
    : noGraph;
  return { dataset: null, reason };
}

function modelReference(model: Model): ProjectDocument['model'] {
  const { path, sizeBytes } = model.file;
  return { name: basename(path), path, sha256: model.sha256, sizeBytes };
}

async function listFolders(parent: string): Promise<string[]> {
  try {
    const entries = await readdir(parent, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (thrown) {
    const error = toReadError(parent, thrown);
    if (error.code === 'E-FILE-MISSING') return [];
    throw error;
  }
}
