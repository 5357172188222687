/**
 * How far each layer of the model has come: float → prepared (scales set) → quantized (packed weight made), and the
 * results that say so. The project document lists them, each with the quantizer it was made under; the scales lie in
 * `layers/`, one file per result, named by its digest. So the state of a
 * layer follows from its configuration and the list, and what was made comes back with its quantizer. A packed weight
 * follows from weights and scales by rounding to nearest, so only its digest is kept: the codes are made
 * again, and compared with the digest, when they are exported. A layer whose codes were chosen otherwise, or
 * that was trained by itself, has a weight of its own in its file, from which they follow in the same way.
 */
import type { NativeAddon, NativeScales, Tensor } from '../../native/index.js';
import {
  type LayerOutcome,
  type LayerStanding,
  type LayerState,
  QatError,
  type WeightQuantizer,
} from '../contract/index.js';
import { openSafetensors, readFloat32, type SafetensorsSource, writeSafetensors } from '../formats/index.js';
import type { LayerResult, LayerResults, ProjectStore } from '../store/index.js';
import { LayerFiles, oldId, resultId } from './layer-files.js';
import { addResult, currentResult, resultsKept, takeAgain } from './layer-results.js';
import { loadFloatTensor } from './model.js';
import { quantizerText } from './quantizers.js';
import { readScales, scaleSources } from './scale-arrays.js';

/** What *prepare*, *quantize* or layer training made. */
export interface LayerRecord extends NativeScales {
  state: Exclude<LayerState, 'float'>;
  /** SHA-256 of the packed codes once quantized. */
  codesSha256: string | null;
  /** It has a weight that takes the place of the model's. */
  ownWeight: boolean;
  /** And a bias that takes the place of the model's. */
  ownBias: boolean;
  /** Of the input quantizer that the weight was trained with. */
  input: TrainedInput | null;
}

/** A record with the id of the result it was read of. */
export interface KeptRecord extends LayerRecord {
  id: string;
}

export interface TrainedInput {
  scale: number;
  shift: number;
  /** The quantizer, as text. */
  quantizer: string;
}

/** Of a layer that got a weight of its own. */
export interface OwnWeight {
  values: Float32Array;
  rows: number;
  cols: number;
  /** [rows]; null: the model's, if it has one. */
  bias: Float32Array | null;
  outcome: LayerOutcome;
}

const weightTensor = 'weight';
const biasTensor = 'bias';
const inputTensor = 'input';

export class LayerStates {
  readonly files: LayerFiles;
  readonly #store: ProjectStore;
  readonly #layers: readonly string[];
  /** The quantizer that the layer is set to now. */
  readonly #quantizerOf: (layer: string) => WeightQuantizer;
  /** Of each layer the record that was asked for last. */
  readonly #records = new Map<string, KeptRecord>();

  constructor(
    store: ProjectStore,
    layers: readonly string[],
    quantizerOf: (layer: string) => WeightQuantizer,
  ) {
    this.#store = store;
    this.#layers = layers;
    this.#quantizerOf = quantizerOf;
    this.files = new LayerFiles(store.folder);
  }

  /** Takes the layers of a document of version 1 over, and removes the files of results that are kept no longer. */
  async open(): Promise<void> {
    const { layerStates } = this.#store.document;
    if (Object.keys(layerStates).length > 0) await this.#store.adoptLayers(this.#oldLayers());
    // Where something was lost, so may have been what refers to a file.
    if (this.#store.notices.length === 0) await this.files.sweep(this.#store.document.layerResults);
  }

  #oldLayers(): LayerResults {
    const { layerStates, layerOutcomes } = this.#store.document;
    return Object.fromEntries(
      this.#layers.flatMap((layer) => {
        const state = Object.hasOwn(layerStates, layer) ? layerStates[layer] : undefined;
        if (state === undefined || state === 'float') return [];
        const outcome = Object.hasOwn(layerOutcomes, layer) ? (layerOutcomes[layer] ?? null) : null;
        const quantizer = quantizerText(this.#quantizerOf(layer));
        return [[layer, [{ id: oldId(layer), quantizer, state, outcome, current: true }]]];
      }),
    );
  }

  /** What the layer has under the quantizer that it is set to; null: it is float. */
  resultOf(layer: string): LayerResult | null {
    const results = this.#results(layer);
    return results.length === 0 ? null : currentResult(results, quantizerText(this.#quantizerOf(layer)));
  }

  stateOf(layer: string): LayerState {
    return this.resultOf(layer)?.state ?? 'float';
  }

  standingOf(layer: string): LayerStanding {
    const result = this.resultOf(layer);
    if (!result) return { state: 'float' };
    const { id, state, outcome } = result;
    return { state, result: id, ...(outcome && { outcome }) };
  }

  /** Runs `work` with the record's own weight. @throws E-FILE-*, E-WEIGHT-NOT-FINITE */
  withWeight<T>(addon: NativeAddon, record: KeptRecord, work: (weight: Tensor) => Promise<T>): Promise<T> {
    return this.#withTensor(addon, record, weightTensor, work);
  }

  /** Runs `work` with the record's own bias, [1, rows]. @throws as `withWeight` */
  withBias<T>(addon: NativeAddon, record: KeptRecord, work: (bias: Tensor) => Promise<T>): Promise<T> {
    return this.#withTensor(addon, record, biasTensor, work);
  }

  async #withTensor<T>(
    addon: NativeAddon,
    { id }: KeptRecord,
    name: string,
    work: (tensor: Tensor) => Promise<T>,
  ): Promise<T> {
    const tensor = await loadFloatTensor(addon, await openSafetensors(this.files.path(id)), name);
    try {
      return await work(tensor);
    } finally {
      tensor.dispose();
    }
  }

  /** What the layer has under `quantizer`; null when it is float, or when its file is gone and it must be made again. */
  async get(layer: string, quantizer: WeightQuantizer): Promise<KeptRecord | null> {
    const result = currentResult(this.#results(layer), quantizerText(quantizer));
    return result && this.record(layer, result);
  }

  /** What the result's file holds; null when it is gone or damaged. */
  async record(layer: string, result: LayerResult): Promise<KeptRecord | null> {
    const held = this.#records.get(layer);
    if (held?.id === result.id) return held;
    const read = await this.#read(layer, result);
    if (read) this.#records.set(layer, read);
    return read;
  }

  /**
   * Writes what was made, then lists it as the layer's result under `quantizer`. @throws E-LAYER-STATE when the layer
   * has been set to another quantizer meanwhile (it is kept all the same), E-DISK-*
   */
  async set(
    layer: string,
    quantizer: WeightQuantizer,
    record: LayerRecord,
    own: OwnWeight | null = null,
  ): Promise<void> {
    const text = quantizerText(quantizer);
    const sources = layerSources(record, own);
    const outcome = own?.outcome ?? null;
    const metadata: [string, string][] = [
      ['layer', layer],
      ['quantizer', text],
      ['state', record.state],
      ['outcome', JSON.stringify(outcome)],
      ['codes_sha256', record.codesSha256 ?? ''],
      ['input_quantizer', record.input?.quantizer ?? ''],
    ];
    const id = await resultId(sources, metadata);
    await this.files.keep(id, async (path) => {
      await writeSafetensors(path, sources, { metadata });
      const before = this.#results(layer);
      const made = { id, quantizer: text, state: record.state, outcome };
      const inUse = this.resultOf(layer)?.id ?? null;
      const after = addResult(before, made, resultsKept(this.#layers.length), inUse);
      await this.#store.saveLayerResults({ [layer]: after });
      const kept = new Set(after.map((result) => result.id));
      return before.flatMap((result) => (kept.has(result.id) ? [] : [result.id]));
    });
    if (quantizerText(this.#quantizerOf(layer)) === text) return;
    throw new QatError(
      'E-LAYER-STATE',
      `The quantizer of ${layer} was changed while its scales were being made.`,
      'Press Prepare or Quantize again for the new one. What was made comes back with the old one.',
    );
  }

  /** Back to float; what the layers had can be restored. @throws E-DISK-* */
  reset(layers: readonly string[]): Promise<void> {
    return this.restore(Object.fromEntries(layers.map((layer) => [layer, null])));
  }

  /**
   * Gives the layers results they had before under the quantizers they are set to, all or none; null: float.
   * @throws E-LAYER-STATE, E-DISK-*
   */
  async restore(wanted: Readonly<Record<string, string | null>>): Promise<void> {
    const changed: LayerResults = {};
    for (const [layer, id] of Object.entries(wanted)) {
      const results = this.#results(layer);
      const quantizer = quantizerText(this.#quantizerOf(layer));
      const isKept = results.some((result) => result.id === id && result.quantizer === quantizer);
      if (id !== null && !isKept) throw this.#keptNoLonger(layer);
      const next = takeAgain(results, quantizer, id);
      if (next !== results) changed[layer] = [...next];
    }
    if (Object.keys(changed).length > 0) await this.#store.saveLayerResults(changed);
  }

  #keptNoLonger(layer: string): QatError {
    const most = resultsKept(this.#layers.length);
    return new QatError(
      'E-LAYER-STATE',
      `What ${layer} had before is kept no longer: of each layer the last ${most} results are.`,
      'Prepare, quantize or train the layer again.',
    );
  }

  #results(layer: string): readonly LayerResult[] {
    const { layerResults } = this.#store.document;
    return Object.hasOwn(layerResults, layer) ? (layerResults[layer] ?? []) : [];
  }

  async #read(layer: string, { id, state, quantizer }: LayerResult): Promise<KeptRecord | null> {
    try {
      const file = await openSafetensors(this.files.path(id));
      const { metadata } = file;
      const belongs = metadata.get('layer') === layer && metadata.get('quantizer') === quantizer;
      if (!belongs || !file.tensors.has('scales')) return null;
      const [scale, shift = 0] = file.tensors.has(inputTensor) ? await readFloat32(file, inputTensor) : [];
      return {
        id,
        state,
        ...(await readScales(file, '')),
        codesSha256: metadata.get('codes_sha256') || null,
        ownWeight: file.tensors.has(weightTensor),
        ownBias: file.tensors.has(biasTensor),
        input:
          scale === undefined ? null : { scale, shift, quantizer: metadata.get('input_quantizer') ?? '' },
      };
    } catch {
      // Missing or damaged: the scales follow from the weights and can be made again.
      return null;
    }
  }
}

function layerSources(record: LayerRecord, own: OwnWeight | null): SafetensorsSource[] {
  const sources = scaleSources(record, '');
  if (record.input) {
    const data = Float32Array.of(record.input.scale, record.input.shift);
    sources.push({ name: inputTensor, dtype: 'F32', shape: [2], data });
  }
  if (own) {
    sources.push({ name: weightTensor, dtype: 'F32', shape: [own.rows, own.cols], data: own.values });
  }
  if (own?.bias) {
    sources.push({ name: biasTensor, dtype: 'F32', shape: [own.rows], data: own.bias });
  }
  return sources;
}
