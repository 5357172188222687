/** What can be done with layers of the open project: look at them, prepare, quantize, reset. */
import { basename } from 'node:path';
import type { AnalyzeOptions, NativeScales, Tensor } from '../../native/index.js';
import {
  type Analysis,
  type Calibration,
  type ConfiguredLayers,
  type InputsFile,
  type LayerConfig,
  type ProjectState,
  QatError,
  type RouteInput,
  type RouteOutput,
  roundingOf,
  roundingTable,
  type WeightQuantizer,
  type WhatIf,
} from '../contract/index.js';
import { AnswerCache } from './answer-cache.js';
import { checkCalibration, layerInputs } from './calibration.js';
import { asQatError, type CallOptions, throwIfAborted } from './call-options.js';
import type { EngineContext } from './context.js';
import { checkInputsFile } from './file-inputs.js';
import type { JobControl } from './jobs.js';
import type { LayerInputs } from './layer-inputs.js';
import type { LayerRecord } from './layer-states.js';
import { trainLayer } from './layer-training.js';
import { codesDigest, packLayer, prepareLayer } from './layer-work.js';
import type { ModelLayer } from './model.js';
import { withCancel } from './native-call.js';
import type { OpenProject } from './open-project.js';
import { sameWeightQuantizer, toNativeQuantizer } from './quantizers.js';
import { roundLayer } from './rounding.js';
import type { WeightSource } from './run-weights.js';
import { scalesOf } from './scale-arrays.js';

type Lens = RouteInput<'layer.analyze'>['lens'];
type Source = RouteInput<'layer.analyze'>['source'];

/** Exact native bins at least; a multiple of the drawn ones, so that each drawn bin is a sum of whole bins. */
const minimumExactBins = 2048;
/** From here on an analysis, or reading a file, is worth a line in the job bar. */
const longAnalysisMs = 800;
/** Analyses kept per project; one is a few tens of kilobytes. */
const answersKept = 64;

/** Weights to look at, with the scales they are used with when they have any. */
interface Looked {
  tensor: Tensor;
  scales: NativeScales | null;
  /** Identifies weights and scales for caching; null = they change while we look (a live run). */
  key: string | null;
}

type LayerWork = (
  project: OpenProject,
  job: JobControl,
  layer: ModelLayer,
  config: LayerConfig,
) => Promise<void>;
/** Before the first layer is touched: nothing is half done because of what could have been known. */
/** Nothing to wait for: undefined, so that the work begins with the quantizers it was asked under. */
type LayersCheck = (
  project: OpenProject,
  job: JobControl,
  layers: readonly ModelLayer[],
) => Promise<unknown> | undefined;
type NeedsInputs = (project: OpenProject, layer: ModelLayer, config: LayerConfig) => boolean;

export class LayerService {
  readonly #context: EngineContext;
  readonly #runWeights: (project: OpenProject, runId: string) => Promise<WeightSource>;
  readonly #analyses = new AnswerCache<Analysis>(answersKept);
  readonly #whatIfs = new AnswerCache<WhatIf>(answersKept * 4);

  constructor(
    context: EngineContext,
    runWeights: (project: OpenProject, runId: string) => Promise<WeightSource>,
  ) {
    this.#context = context;
    this.#runWeights = runWeights;
  }

  /** Statistics, histogram and errors at 1–8 bits of one layer: what its own bits do not change. */
  async analyze(input: RouteInput<'layer.analyze'>, options?: CallOptions): Promise<Analysis> {
    throwIfAborted(options?.signal);
    const { project, layer } = this.#target(input.source, input.lens);
    return this.#look(project, layer, input.source.runId, null, async ({ tensor, key }) => {
      const compute = () => this.#compute(layer, tensor, nativeLens(input.lens, null), options);
      return key === null ? compute() : this.#analyses.get(answerKey(key, input.lens), compute);
    });
  }

  /** A large layer takes seconds: then it is a job with a cancel button. */
  #compute(
    layer: ModelLayer,
    tensor: Tensor,
    native: AnalyzeOptions,
    options: CallOptions | undefined,
  ): Promise<Analysis> {
    const { addon, jobs } = this.#context;
    const late = { ...options, announceAfterMs: longAnalysisMs };
    return jobs.run('analyze', `Analyse ${layer.name}`, late, async ({ signal }) => ({
      layer: layer.name,
      ...((await withCancel(addon, signal, (token) => addon.analyze(tensor, native, token))) as Omit<
        Analysis,
        'layer'
      >),
    }));
  }

  /** Levels and error of one quantizer on one layer: what a change of bits asks for. */
  async whatIf(input: RouteInput<'layer.whatIf'>, options?: CallOptions): Promise<WhatIf> {
    throwIfAborted(options?.signal);
    const { project, layer } = this.#target(input.source, input.lens);
    const { runId } = input.source;
    return this.#look(project, layer, runId, input.lens.quantizer, async ({ tensor, scales, key }) => {
      const native = nativeLens(input.lens, scales);
      const compute = async (): Promise<WhatIf> =>
        (await withCancel(this.#context.addon, options?.signal, (token) =>
          this.#context.addon.whatIf(tensor, native, token),
        )) as WhatIf;
      return key === null ? compute() : this.#whatIfs.get(answerKey(key, input.lens), compute);
    });
  }

  /** A small histogram per layer; a layer with NaN or infinity has none (selecting it says why). */
  async thumbnails(
    input: RouteInput<'layer.thumbnails'>,
    options?: CallOptions,
  ): Promise<RouteOutput<'layer.thumbnails'>> {
    const project = this.#context.current();
    const thumbnails: { layer: string; counts: number[] }[] = [];
    for (const name of input.layers) {
      throwIfAborted(options?.signal);
      project.model.layer(name);
      thumbnails.push({ layer: name, counts: await this.#thumbnail(project, name, input.bins) });
    }
    return { thumbnails };
  }

  async #thumbnail(project: OpenProject, layer: string, bins: number): Promise<number[]> {
    try {
      return await project.model.withTensor(layer, (tensor) => this.#context.addon.thumbnail(tensor, bins));
    } catch (thrown) {
      const error = asQatError(thrown);
      if (error.code === 'E-WEIGHT-NOT-FINITE') return [];
      throw error;
    }
  }

  /** Sets the scales of the layers from their weights, layer by layer; what is done stays when cancelled. */
  async prepare(input: RouteInput<'layer.prepare'>, options?: CallOptions): Promise<ProjectState> {
    return this.#each('prepare', 'Prepare', input.layers, options, async (project, job, layer, config) => {
      this.#context.libraries.require(config.weight);
      const parts = { addon: this.#context.addon, project, layer, config, signal: job.signal };
      await project.keepLayer(layer.name, config, await prepareLayer(parts));
    });
  }

  /**
   * Makes the packed weight of the layers, preparing those that are not prepared yet. Codes are chosen by each
   * layer's rounding, on `calibration` where it needs inputs. Layers that were trained by themselves stay as they are.
   */
  async quantize(input: RouteInput<'layer.quantize'>, options?: CallOptions): Promise<ProjectState> {
    const { layers, calibration } = input;
    const needsInputs: NeedsInputs = (project, layer, { weight }) =>
      !isTrained(project, layer) && weight.bits !== 32 && roundingTable[roundingOf(weight)].needsInputs;
    const check = this.#inputsCheck(calibration, needsInputs);
    const work: LayerWork = async (project, job, layer, config) => {
      if (isTrained(project, layer)) return;
      this.#context.libraries.require(config.weight);
      const parts = { addon: this.#context.addon, project, layer, config, signal: job.signal };
      const rounding = roundingOf(config.weight);
      if (config.weight.bits === 32 || rounding === 'nearest') {
        const kept = await project.layerStates.get(layer.name, config.weight);
        // A weight of its own without an outcome: a project of version 1 whose app had ended between the two.
        const prepared = kept && !kept.ownWeight ? kept : await prepareLayer(parts);
        const { weight, scales } = await packLayer(parts, prepared);
        const codesSha256 = codesDigest(weight.packed);
        const record: LayerRecord = {
          state: 'quantized',
          ...scales,
          codesSha256,
          ownWeight: false,
          ownBias: false,
          input: null,
        };
        await project.keepLayer(layer.name, config, record);
        return;
      }
      const inputs = roundingTable[rounding].needsInputs
        ? await this.#inputs(project, layer, calibration, job)
        : null;
      const onProgress = (fraction: number) => job.progress(fraction, layer.name);
      const { record, own } = await roundLayer({ ...parts, inputs, onProgress });
      await project.keepLayer(layer.name, config, record, own);
    };
    return this.#each('quantize', 'Quantize', layers, options, work, check);
  }

  /** Trains each layer by itself against its float output, and quantizes it; what is done stays when cancelled. */
  async train(input: RouteInput<'layer.train'>, options?: CallOptions): Promise<ProjectState> {
    const { layers, calibration, training } = input;
    const check = this.#inputsCheck(calibration, (_project, _layer, { weight }) => weight.bits !== 32);
    const work: LayerWork = async (project, job, layer, config) => {
      this.#context.libraries.require(config.weight);
      const parts = { addon: this.#context.addon, project, layer, config, signal: job.signal };
      const inputs = await this.#inputs(project, layer, calibration, job);
      const onProgress = (fraction: number, loss: number | null) =>
        job.progress(
          fraction,
          loss === null ? layer.name : `${layer.name} · training loss ${loss.toPrecision(3)}`,
        );
      const { record, own } = await trainLayer({ ...parts, inputs, training, onProgress });
      await project.keepLayer(layer.name, config, record, own);
    };
    return this.#each('train', 'Train', layers, options, work, check);
  }

  #inputs(
    project: OpenProject,
    layer: ModelLayer,
    calibration: Calibration | undefined,
    job: JobControl,
  ): Promise<LayerInputs> {
    if (calibration) return layerInputs(this.#context.addon, project, layer, calibration, job.signal);
    throw noInputs(layer);
  }

  /** Whether the inputs serve every layer that needs some. */
  #inputsCheck(calibration: Calibration | undefined, needsInputs: NeedsInputs): LayersCheck {
    return (project, job, layers) => {
      const needing = layers.filter((layer) => needsInputs(project, layer, project.configOf(layer.name)));
      const [first] = needing;
      if (!first) return undefined;
      if (!calibration) throw noInputs(first);
      return checkCalibration(project, needing, calibration, job.signal);
    };
  }

  /**
   * Looks a file of inputs of these layers through: its header, and every value.
   * @throws E-DATASET-MISMATCH, E-REQUEST-INVALID, E-FILE-*, E-SAFETENSORS-*, E-CANCELLED
   */
  async checkInputsFile(path: string, names: readonly string[], options?: CallOptions): Promise<InputsFile> {
    const project = this.#context.current();
    const layers = names.map((name) => project.model.layer(name));
    const late = { ...options, announceAfterMs: longAnalysisMs };
    return this.#context.jobs.run('inputs', `Read ${basename(path)}`, late, ({ signal }) =>
      checkInputsFile(path, layers, signal),
    );
  }

  /** Back to the float weight as loaded; `restore` takes it back. */
  async reset(input: RouteInput<'layer.reset'>): Promise<ProjectState> {
    const project = this.#context.current();
    for (const name of input.layers) project.model.layer(name);
    await project.layerStates.reset(input.layers);
    return project.announce();
  }

  /** Results that the layers had before, under the quantizers they are set to. @throws E-LAYER-STATE, all or none */
  async restore(input: RouteInput<'layer.restore'>): Promise<ConfiguredLayers> {
    const project = this.#context.current();
    const layers = Object.keys(input.results);
    for (const name of layers) project.model.layer(name);
    await project.layerStates.restore(input.results);
    return project.layersNow(layers);
  }

  forget(): void {
    this.#analyses.clear();
    this.#whatIfs.clear();
  }

  #target(source: Source, lens: Lens): { project: OpenProject; layer: ModelLayer } {
    const project = this.#context.current();
    const layer = project.model.layer(source.layer);
    if (lens.row !== null && lens.row >= layer.rows) {
      throw new QatError(
        'E-REQUEST-INVALID',
        `Layer ${layer.name} has ${layer.rows} output channels: there is no channel ${lens.row}.`,
        `Choose a channel from 0 to ${layer.rows - 1}.`,
      );
    }
    if (lens.range !== null && !(lens.range.high > lens.range.low)) {
      throw new QatError('E-REQUEST-INVALID', 'The zoomed range is empty.', 'Reset the zoom.');
    }
    return { project, layer };
  }

  /** `quantizer` null: the scales make no difference to what is asked. */
  async #look<T>(
    project: OpenProject,
    layer: ModelLayer,
    runId: string | null,
    quantizer: WeightQuantizer | null,
    work: (looked: Looked) => Promise<T>,
  ): Promise<T> {
    if (runId !== null) {
      const source = await this.#runWeights(project, runId);
      return source.use(layer.name, ({ tensor, scales, config, key }) =>
        work({ tensor, scales: matching(config, quantizer) ? scales : null, key }),
      );
    }
    const config = project.configOf(layer.name);
    const prepared = matching(config, quantizer)
      ? await project.layerStates.get(layer.name, config.weight)
      : null;
    // The scales follow from the weights and the quantizer, so the file's digest and the lens name the answer; those
    // of a layer with a weight of its own follow from more than that.
    const scales = prepared?.ownWeight ? prepared.id : prepared ? 'prepared' : 'estimated';
    const key = `${project.model.sha256}:${layer.name}:${scales}`;
    return project.model.withTensor(layer.name, (tensor) => work({ tensor, scales: prepared, key }));
  }

  #each(
    kind: 'prepare' | 'quantize' | 'train',
    verb: string,
    names: string[],
    options: CallOptions | undefined,
    work: LayerWork,
    check?: LayersCheck,
  ): Promise<ProjectState> {
    const project = this.#context.current();
    const layers = names.map((name) => project.model.layer(name));
    const title = layers.length === 1 ? `${verb} ${names[0]}` : `${verb} ${layers.length} layers`;
    return this.#context.jobs.run(kind, title, options, async (job) => {
      const checking = check?.(project, job, layers);
      if (checking) await checking;
      let seen = 0;
      const broken: QatError[] = [];
      try {
        for (const layer of layers) {
          throwIfAborted(job.signal);
          const share = (fraction: number) => (seen - 1 + fraction) / layers.length;
          const progress: JobControl['progress'] = (fraction, detail) =>
            job.progress(fraction === null ? null : share(fraction), detail);
          job.progress(seen / layers.length, layer.name);
          seen += 1;
          try {
            await work(project, { ...job, progress }, layer, project.configOf(layer.name));
          } catch (thrown) {
            // A layer with NaN or infinity keeps no other layer from its turn; all else ends the job.
            const error = asQatError(thrown);
            if (error.code !== 'E-WEIGHT-NOT-FINITE') throw error;
            broken.push(error);
          }
        }
      } finally {
        if (seen > broken.length) project.announce();
      }
      refuseBroken(broken, layers.length);
      return project.state();
    });
  }
}

function isTrained({ layerStates }: OpenProject, { name }: ModelLayer): boolean {
  return layerStates.resultOf(name)?.outcome?.by === 'training';
}

function noInputs(layer: ModelLayer): QatError {
  return new QatError(
    'E-REQUEST-INVALID',
    `The rounding of ${layer.name} looks at the layer’s inputs, and none were given.`,
    'Choose inputs: captured from the data set, from a file, or drawn.',
  );
}

/** @throws E-WEIGHT-NOT-FINITE when there are layers that could not be worked on */
function refuseBroken(broken: readonly QatError[], count: number): void {
  const [first] = broken;
  if (!first) return;
  if (count === 1) throw first;
  const rest = broken.length === 1 ? '' : ` (and ${broken.length - 1} more layers like it)`;
  throw new QatError(
    first.code,
    `${broken.length} of ${count} layers were left out, the others are done. ${first.message}${rest}`,
    first.remedy,
    { cause: first },
  );
}

function matching(config: LayerConfig | undefined, quantizer: WeightQuantizer | null): boolean {
  return config !== undefined && quantizer !== null && sameWeightQuantizer(config.weight, quantizer);
}

function nativeLens(lens: Lens, scales: Looked['scales']): AnalyzeOptions {
  return {
    quantizer: toNativeQuantizer(lens.quantizer),
    row: lens.row,
    range: lens.range,
    exactBins: Math.ceil(minimumExactBins / lens.drawnBins) * lens.drawnBins,
    drawnBins: lens.drawnBins,
    scales: scales ? scalesOf(scales) : null,
  };
}

function answerKey(source: string, lens: Lens): string {
  return `${source}:${JSON.stringify(lens)}`;
}
