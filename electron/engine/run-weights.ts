/**
 * Weights of a run for the charts: the live session's snapshot, or the tensors of `weights.safetensors`
 * read when they are looked at, with the scales the run trained.
 */
import type { NativeAddon, NativeScales, Tensor } from '../../native/index.js';
import { type LayerConfig, QatError, type RunSummary } from '../contract/index.js';
import { openSafetensors, type SafetensorsFile } from '../formats/index.js';
import { asQatError } from './call-options.js';
import type { LiveRun } from './live-run.js';
import { loadFloatTensor, tensorSize } from './model.js';
import { readLayerScales } from './state-file.js';
import { TensorCache } from './tensor-cache.js';

export interface LayerLook {
  tensor: Tensor;
  /** Null for a float weight. */
  scales: NativeScales | null;
  config: LayerConfig | undefined;
  /** Names the weights for caching; null while they change. */
  key: string | null;
}

export interface WeightSource {
  use<T>(layer: string, work: (look: LayerLook) => Promise<T>): Promise<T>;
}

const budgetBytes = 512 * 1024 * 1024;

export class RunWeights {
  readonly #addon: NativeAddon;
  readonly #files = new Map<string, Promise<SafetensorsFile>>();
  readonly #cache = new TensorCache(budgetBytes);

  constructor(addon: NativeAddon) {
    this.#addon = addon;
  }

  live(run: LiveRun, record: RunSummary): WeightSource {
    return {
      use: async (layer, work) => {
        const config = record.configuration[layer];
        const tensor = run.snapshotTensor(layer);
        try {
          const quantized = config !== undefined && config.weight.bits !== 32;
          return await work({
            tensor,
            scales: quantized ? run.snapshotScales(layer) : null,
            config,
            key: null,
          });
        } finally {
          tensor.dispose();
        }
      },
    };
  }

  async saved(record: RunSummary, path: string): Promise<WeightSource> {
    const file = await this.#open(record.id, path).catch((thrown: unknown) => {
      if (asQatError(thrown).code !== 'E-FILE-MISSING') throw thrown;
      throw new QatError(
        'E-RUN-STATE',
        `Run “${record.name}” is ${record.state} and has no saved weights.`,
        record.state === 'interrupted' ? 'Resume it first.' : 'Choose another run or the model.',
      );
    });
    return {
      use: async (layer, work) => {
        const config = record.configuration[layer];
        const stored = file.tensors.get(layer);
        if (!config || !stored) {
          throw new QatError(
            'E-LAYER-UNKNOWN',
            `Run “${record.name}” did not train a layer named ${layer}.`,
            'Choose a trained layer, or look at the model.',
          );
        }
        const scales = config.weight.bits === 32 ? null : await readLayerScales(file, layer);
        const { rows, cols } = tensorSize(stored.shape);
        return this.#cache.use(
          `${record.id}:${layer}`,
          rows * cols * 4,
          () => loadFloatTensor(this.#addon, file, layer),
          (tensor) => work({ tensor, scales, config, key: `${record.id}:${layer}` }),
        );
      },
    };
  }

  forget(runId: string): void {
    this.#files.delete(runId);
  }

  clear(): void {
    this.#files.clear();
    this.#cache.clear();
  }

  #open(runId: string, path: string): Promise<SafetensorsFile> {
    const held = this.#files.get(runId);
    if (held) return held;
    const opening = openSafetensors(path);
    this.#files.set(runId, opening);
    opening.catch(() => this.#files.delete(runId));
    return opening;
  }
}
