/**
 * How far each layer of the model has come: float → prepared (scales set) → quantized (packed weight made).
 * The project document holds the states; the scales lie in `layers/`, one file per layer. A packed weight
 * follows from weights and scales by rounding to nearest, so only its digest is kept: the codes are made
 * again, and compared with the digest, when they are exported. A layer whose codes were chosen otherwise, or
 * that was trained by itself, has a weight of its own in its file, from which they follow in the same way.
 */
import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { NativeAddon, NativeScales, Tensor } from '../../native/index.js';
import { type LayerOutcome, type LayerState, QatError, type WeightQuantizer } from '../contract/index.js';
import {
  openSafetensors,
  readFloat32,
  type SafetensorsSource,
  toWriteError,
  writeSafetensors,
} from '../formats/index.js';
import type { ProjectStore } from '../store/index.js';
import { loadFloatTensor } from './model.js';
import { quantizerText } from './quantizers.js';
import { readScales, scaleSources } from './scale-arrays.js';

export interface LayerRecord extends NativeScales {
  state: Exclude<LayerState, 'float'>;
  /** SHA-256 of the packed codes once quantized. */
  codesSha256: string | null;
  /** The layer's file holds a weight that takes the place of the model's. */
  ownWeight: boolean;
  /** And a bias that takes the place of the model's. */
  ownBias: boolean;
  /** Of the input quantizer that the weight was trained with. */
  input: TrainedInput | null;
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
  readonly #store: ProjectStore;
  readonly #records = new Map<string, LayerRecord>();

  constructor(store: ProjectStore) {
    this.#store = store;
  }

  stateOf(layer: string): LayerState {
    const { layerStates } = this.#store.document;
    return Object.hasOwn(layerStates, layer) ? (layerStates[layer] ?? 'float') : 'float';
  }

  outcomeOf(layer: string): LayerOutcome | null {
    const { layerOutcomes } = this.#store.document;
    return Object.hasOwn(layerOutcomes, layer) ? (layerOutcomes[layer] ?? null) : null;
  }

  /** Runs `work` with the layer's own weight. @throws E-FILE-*, E-WEIGHT-NOT-FINITE */
  withWeight<T>(addon: NativeAddon, layer: string, work: (weight: Tensor) => Promise<T>): Promise<T> {
    return this.#withTensor(addon, layer, weightTensor, work);
  }

  /** Runs `work` with the layer's own bias, [1, rows]. @throws as `withWeight` */
  withBias<T>(addon: NativeAddon, layer: string, work: (bias: Tensor) => Promise<T>): Promise<T> {
    return this.#withTensor(addon, layer, biasTensor, work);
  }

  async #withTensor<T>(
    addon: NativeAddon,
    layer: string,
    name: string,
    work: (tensor: Tensor) => Promise<T>,
  ): Promise<T> {
    const tensor = await loadFloatTensor(addon, await openSafetensors(this.#path(layer)), name);
    try {
      return await work(tensor);
    } finally {
      tensor.dispose();
    }
  }

  /** The layer's scales; null when it is float, or when its file is gone and they must be made again. */
  async get(layer: string, quantizer: WeightQuantizer): Promise<LayerRecord | null> {
    const state = this.stateOf(layer);
    if (state === 'float') return null;
    const held = this.#records.get(layer);
    if (held) return held;
    const read = await this.#read(layer, state, quantizer);
    if (read) this.#records.set(layer, read);
    return read;
  }

  /**
   * Writes the scales, then the state, unless `isCurrent` then says that the layer's quantizer has become
   * another one meanwhile. @throws E-LAYER-STATE, E-DISK-*
   */
  async set(
    layer: string,
    quantizer: WeightQuantizer,
    record: LayerRecord,
    isCurrent: () => boolean,
    own: OwnWeight | null = null,
  ): Promise<void> {
    const folder = join(this.#store.folder, 'layers');
    try {
      await mkdir(folder, { recursive: true });
    } catch (thrown) {
      throw toWriteError(folder, thrown);
    }
    // What the document says of the old file must not be said of the new one, whenever this is cut short.
    await this.#forget([layer]);
    await writeSafetensors(this.#path(layer), layerSources(record, own), {
      metadata: [
        ['layer', layer],
        ['quantizer', quantizerText(quantizer)],
        ['codes_sha256', record.codesSha256 ?? ''],
        ['input_quantizer', record.input?.quantizer ?? ''],
      ],
    });
    if (!isCurrent()) {
      throw new QatError(
        'E-LAYER-STATE',
        `The quantizer of ${layer} was changed while its scales were being made; they were not kept.`,
        'Press Prepare or Quantize again.',
      );
    }
    this.#records.set(layer, record);
    if (own) await this.#store.saveLayerOutcomes({ [layer]: own.outcome });
    await this.#store.saveLayerStates({ [layer]: record.state });
  }

  async #forget(layers: readonly string[]): Promise<void> {
    const owners = layers.filter((layer) => this.outcomeOf(layer) !== null);
    if (owners.length === 0) return;
    await this.#store.saveLayerStates(Object.fromEntries(owners.map((layer) => [layer, 'float'])));
    await this.#store.saveLayerOutcomes(Object.fromEntries(owners.map((layer) => [layer, null])));
    for (const layer of owners) this.#records.delete(layer);
  }

  /** Back to float. @throws E-DISK-* */
  async reset(layers: readonly string[]): Promise<void> {
    const changed = layers.filter((layer) => this.stateOf(layer) !== 'float');
    if (changed.length === 0) return;
    await this.#store.saveLayerStates(Object.fromEntries(changed.map((layer) => [layer, 'float'])));
    await this.#forget(changed);
    for (const layer of changed) {
      this.#records.delete(layer);
      // A file left behind does no harm: its layer is float, and preparing replaces it.
      await rm(this.#path(layer), { force: true }).catch(() => undefined);
    }
  }

  #path(layer: string): string {
    // Layer names are any text; a digest is a file name everywhere.
    const name = createHash('sha256').update(layer).digest('hex').slice(0, 32);
    return join(this.#store.folder, 'layers', `${name}.safetensors`);
  }

  async #read(
    layer: string,
    state: Exclude<LayerState, 'float'>,
    quantizer: WeightQuantizer,
  ): Promise<LayerRecord | null> {
    try {
      const file = await openSafetensors(this.#path(layer));
      const { metadata } = file;
      const belongs =
        metadata.get('layer') === layer && metadata.get('quantizer') === quantizerText(quantizer);
      if (!belongs || !file.tensors.has('scales')) return null;
      const [scale, shift = 0] = file.tensors.has(inputTensor) ? await readFloat32(file, inputTensor) : [];
      return {
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
