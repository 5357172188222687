/**
 * How far each layer of the model has come: float → prepared (scales set) → quantized (packed weight made).
 * The project document holds the states; the scales lie in `layers/`, one small file per layer. A packed
 * weight follows from weights and scales, so only its digest is kept: the codes are made again, and
 * compared with the digest, when they are exported.
 */
import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { NativeScales } from '../../native/index.js';
import { type LayerState, QatError, type WeightQuantizer } from '../contract/index.js';
import { openSafetensors, toWriteError, writeSafetensors } from '../formats/index.js';
import type { ProjectStore } from '../store/index.js';
import { quantizerText } from './quantizers.js';
import { readScales, scaleSources } from './scale-arrays.js';

export interface LayerRecord extends NativeScales {
  state: Exclude<LayerState, 'float'>;
  /** SHA-256 of the packed codes once quantized. */
  codesSha256: string | null;
}

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
  ): Promise<void> {
    const folder = join(this.#store.folder, 'layers');
    try {
      await mkdir(folder, { recursive: true });
    } catch (thrown) {
      throw toWriteError(folder, thrown);
    }
    await writeSafetensors(this.#path(layer), scaleSources(record, ''), {
      metadata: [
        ['layer', layer],
        ['quantizer', quantizerText(quantizer)],
        ['codes_sha256', record.codesSha256 ?? ''],
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
    await this.#store.saveLayerStates({ [layer]: record.state });
  }

  /** Back to float. @throws E-DISK-* */
  async reset(layers: readonly string[]): Promise<void> {
    const changed = layers.filter((layer) => this.stateOf(layer) !== 'float');
    if (changed.length === 0) return;
    await this.#store.saveLayerStates(Object.fromEntries(changed.map((layer) => [layer, 'float'])));
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
      return { state, ...(await readScales(file, '')), codesSha256: metadata.get('codes_sha256') || null };
    } catch {
      // Missing or damaged: the scales follow from the weights and can be made again.
      return null;
    }
  }
}
