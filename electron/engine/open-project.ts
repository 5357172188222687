/** The open project: its store, model, data set and layer states, and the state the window sees. */
import {
  type AppEvent,
  type Configuration,
  type ConfiguredLayers,
  type DatasetInfo,
  defaultLayerConfig,
  type ExportRecord,
  type LayerConfig,
  type ProjectState,
  type RunSummary,
  type ViewState,
} from '../contract/index.js';
import type { ProjectStore, RunStore } from '../store/index.js';
import type { OpenDataset } from './dataset.js';
import { type LayerRecord, LayerStates, type OwnWeight } from './layer-states.js';
import type { Model } from './model.js';
import { checkLayerConfig } from './quantizers.js';

export interface OpenProjectParts {
  store: ProjectStore;
  model: Model;
  dataset: OpenDataset | null;
  trainingReason: string | null;
  emit: (event: AppEvent) => void;
  /** The runs with the newest progress of the one that trains. */
  listRuns: (project: OpenProject) => RunSummary[];
}

export class OpenProject {
  readonly model: Model;
  readonly layerStates: LayerStates;
  /** Of the float model on the test images, once measured; it belongs to this model and data set. */
  floatAccuracy: number | null = null;
  readonly #parts: OpenProjectParts;
  #dataset: OpenDataset | null;
  #trainingReason: string | null;

  constructor(parts: OpenProjectParts) {
    this.#parts = parts;
    this.model = parts.model;
    const layers = parts.model.content.layers.map((layer) => layer.name);
    this.layerStates = new LayerStates(parts.store, layers, (layer) => this.configOf(layer).weight);
    this.#dataset = parts.dataset;
    this.#trainingReason = parts.trainingReason;
  }

  get folder(): string {
    return this.#parts.store.folder;
  }

  get runs(): RunStore {
    return this.#parts.store.runs;
  }

  get dataset(): OpenDataset | null {
    return this.#dataset;
  }

  /** Why the model cannot be trained; null when it can. */
  get trainingReason(): string | null {
    return this.#trainingReason;
  }

  get exports(): readonly ExportRecord[] {
    return this.#parts.store.document.exports;
  }

  /** @throws E-LAYER-UNKNOWN */
  configOf(layer: string): LayerConfig {
    this.model.layer(layer);
    const { configuration } = this.#parts.store.document;
    return Object.hasOwn(configuration, layer)
      ? (configuration[layer] ?? defaultLayerConfig)
      : defaultLayerConfig;
  }

  state(): ProjectState {
    const { store, listRuns } = this.#parts;
    const { id, name, sample, exports, view } = store.document;
    const layers = this.model.content.layers;
    return {
      id,
      name,
      folder: store.folder,
      sample,
      model: this.model.info((layer) => this.layerStates.standingOf(layer)),
      dataset: this.#dataset?.info ?? null,
      trainingReason: this.#trainingReason,
      configuration: Object.fromEntries(layers.map((layer) => [layer.name, this.configOf(layer.name)])),
      runs: listRuns(this),
      exports,
      view,
      recovered: store.recovered,
    };
  }

  /** Tells the window of the state as it is now. */
  announce(): ProjectState {
    const project = this.state();
    this.#parts.emit({ type: 'project.changed', project });
    return project;
  }

  /**
   * Replaces the configuration of the named layers, all or none; a layer whose weight quantizer changed has what was
   * made of it under the new one, or is `float`. @throws E-LAYER-UNKNOWN, E-QUANTIZER-INVALID, E-DISK-*
   */
  async configure(changes: Configuration): Promise<ConfiguredLayers> {
    for (const [name, config] of Object.entries(changes)) checkLayerConfig(this.model.layer(name), config);
    await this.#parts.store.saveConfiguration(changes);
    return this.layersNow(Object.keys(changes));
  }

  /** The named layers as they are now. */
  layersNow(names: readonly string[]): ConfiguredLayers {
    return {
      configuration: Object.fromEntries(names.map((name) => [name, this.configOf(name)])),
      states: Object.fromEntries(names.map((name) => [name, this.layerStates.standingOf(name)])),
    };
  }

  /** Keeps what *prepare* or *quantize* made under `config`. @throws E-LAYER-STATE when that has changed since */
  async keepLayer(
    layer: string,
    config: LayerConfig,
    record: LayerRecord,
    own: OwnWeight | null = null,
  ): Promise<void> {
    await this.layerStates.set(layer, config.weight, record, own);
  }

  async saveView(view: ViewState): Promise<void> {
    await this.#parts.store.saveView(view);
  }

  async addExport(record: ExportRecord): Promise<ProjectState> {
    await this.#parts.store.addExport(record);
    return this.announce();
  }

  /** Takes the data set over. @throws E-DISK-* */
  async attachDataset(dataset: OpenDataset): Promise<ProjectState> {
    const info: DatasetInfo = dataset.info;
    await this.#parts.store.saveDataset(info, null);
    this.#dataset?.dispose();
    this.#dataset = dataset;
    this.#trainingReason = null;
    this.floatAccuracy = null;
    return this.announce();
  }

  /** Frees the native side and closes the store; trainings must have been suspended before. */
  async close(): Promise<void> {
    this.model.close();
    this.#dataset?.dispose();
    this.#dataset = null;
    await this.#parts.store.close();
  }
}
