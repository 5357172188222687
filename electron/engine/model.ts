/**
 * An opened model file: which tensors are layers, which are not and why, its graph, and lazy access to its
 * weights. Opening reads the header and hashes the file; a weight is read when it is first needed.
 */
import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { NativeAddon, Tensor } from '../../native/index.js';
import {
  type Graph,
  type LayerInfo,
  type LayerStanding,
  type ModelInfo,
  QatError,
} from '../contract/index.js';
import { type SafetensorsFile, type SafetensorsTensorInfo, toReadError } from '../formats/index.js';
import { asQatError } from './call-options.js';
import { graphLayers, graphMetadataKey, parseGraph, type TensorShape } from './graph.js';
import { layerInputFacts } from './graph-wiring.js';
import { TensorCache } from './tensor-cache.js';

const readableFloats = new Set(['F32', 'F16', 'BF16', 'F64']);
type ReadableFloat = 'F32' | 'F16' | 'BF16' | 'F64';

/** Tensors kept in memory at most, unless a single one is larger. */
const tensorBudgetBytes = 1024 * 1024 * 1024;

/** A layer as the file has it: what a project adds is its state. */
export type ModelLayer = Omit<LayerInfo, 'state' | 'outcome'>;

export interface ModelContent {
  layers: ModelLayer[];
  others: ModelInfo['others'];
  parameterCount: number;
  graph: Graph | null;
  /** Why the file's graph is not used; null when it is, or when there is none. */
  graphError: QatError | null;
}

function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Why a tensor is no layer; null when it is one. */
function refusal(tensor: SafetensorsTensorInfo): string | null {
  if (!readableFloats.has(tensor.dtype)) {
    return /^F\d/.test(tensor.dtype)
      ? `${tensor.dtype} weights are not supported yet`
      : `${tensor.dtype} is not a floating-point weight`;
  }
  if (tensor.shape.length < 2) return 'rank below 2 (bias, norm or scalar)';
  if (elementCount(tensor.shape) === 0) return 'empty';
  if (tensor.shape.length > 8) return 'rank above 8';
  return null;
}

/** Sorts a file's tensors into layers and others and reads its graph. @throws E-MODEL-EMPTY */
export function readModelContent(file: SafetensorsFile): ModelContent {
  const shapes = tensorShapes(file);
  const { graph, graphError } = readGraph(file, shapes);
  const inputs = graph ? layerInputFacts(graph) : new Map<string, LayerInfo['input']>();
  const content: ModelContent = { layers: [], others: [], parameterCount: 0, graph, graphError };
  for (const [name, tensor] of file.tensors) {
    const shape = [...tensor.shape];
    const reason = refusal(tensor);
    const count = elementCount(shape);
    content.parameterCount += count;
    if (reason !== null) {
      content.others.push({ name, shape, dtype: tensor.dtype, reason });
      continue;
    }
    const rows = shape[0] ?? 0;
    content.layers.push({
      name,
      shape,
      rows,
      cols: count / rows,
      dtype: tensor.dtype,
      trainable: inputs.has(name),
      input: inputs.get(name) ?? { nonNegative: false, groups: 1 },
    });
  }
  sortLayers(content.layers, graph);
  if (content.layers.length === 0) {
    throw new QatError(
      'E-MODEL-EMPTY',
      `${file.path} holds no float tensor of rank 2 or more, so there is no layer to quantize (tensors in it: ${file.tensors.size}).`,
      'Open a file with the weights of a trained float model.',
    );
  }
  return content;
}

/** A graph that cannot be used keeps no one from looking at the layers. */
function readGraph(
  file: SafetensorsFile,
  shapes: ReadonlyMap<string, TensorShape>,
): Pick<ModelContent, 'graph' | 'graphError'> {
  const text = file.metadata.get(graphMetadataKey);
  if (text === undefined) return { graph: null, graphError: null };
  try {
    return { graph: parseGraph(file.path, text, shapes), graphError: null };
  } catch (thrown) {
    return { graph: null, graphError: asQatError(thrown) };
  }
}

/** The graph's order first, then natural order of names, so that block.2 comes before block.10. */
function sortLayers(layers: ModelLayer[], graph: Graph | null): void {
  const order = new Map((graph ? graphLayers(graph) : []).map((name, index) => [name, index]));
  const collator = new Intl.Collator('en', { numeric: true });
  const place = (layer: ModelLayer) => order.get(layer.name) ?? order.size;
  layers.sort((a, b) => place(a) - place(b) || collator.compare(a.name, b.name));
}

export function tensorShapes(file: SafetensorsFile): Map<string, TensorShape> {
  return new Map(
    [...file.tensors].map(([name, tensor]) => [
      name,
      { shape: tensor.shape, isFloat: readableFloats.has(tensor.dtype) },
    ]),
  );
}

export class Model {
  readonly file: SafetensorsFile;
  readonly sha256: string;
  readonly content: ModelContent;
  readonly shapes: ReadonlyMap<string, TensorShape>;
  readonly #addon: NativeAddon;
  readonly #cache = new TensorCache(tensorBudgetBytes);
  readonly #layers: ReadonlyMap<string, ModelLayer>;

  /** @throws E-MODEL-EMPTY */
  constructor(addon: NativeAddon, file: SafetensorsFile, sha256: string) {
    this.#addon = addon;
    this.file = file;
    this.sha256 = sha256;
    this.content = readModelContent(file);
    this.shapes = tensorShapes(file);
    this.#layers = new Map(this.content.layers.map((layer) => [layer.name, layer]));
  }

  get name(): string {
    return basename(this.file.path);
  }

  info(standingOf: (layer: string) => LayerStanding): ModelInfo {
    return {
      name: this.name,
      path: this.file.path,
      sha256: this.sha256,
      sizeBytes: this.file.sizeBytes,
      parameterCount: this.content.parameterCount,
      layers: this.content.layers.map((layer) => ({ ...layer, ...standingOf(layer.name) })),
      others: this.content.others,
    };
  }

  /** @throws E-LAYER-UNKNOWN */
  layer(name: string): ModelLayer {
    const layer = this.#layers.get(name);
    if (layer) return layer;
    throw new QatError(
      'E-LAYER-UNKNOWN',
      `The model has no layer named ${name}.`,
      'Choose a layer of the list.',
    );
  }

  hasLayer(name: string): boolean {
    return this.#layers.has(name);
  }

  /**
   * Runs `work` with a float tensor of the file, [rows, cols] = [shape[0], product of the rest], or
   * [1, n] for a vector. @throws E-WEIGHT-NOT-FINITE (tensor and index), E-FILE-*
   */
  withTensor<T>(name: string, work: (tensor: Tensor) => Promise<T>): Promise<T> {
    const { rows, cols } = tensorSize(this.file.tensors.get(name)?.shape ?? []);
    const load = () => loadFloatTensor(this.#addon, this.file, name);
    return this.#cache.use(name, rows * cols * 4, load, work);
  }

  /** A copy of a float tensor's values. @throws as `withTensor` */
  valuesOf(name: string): Promise<Float32Array> {
    return this.withTensor(name, async (tensor) => {
      const values = new Float32Array(tensor.rows * tensor.cols);
      tensor.copyTo(values);
      return values;
    });
  }

  close(): void {
    this.#cache.clear();
  }
}

/** A tensor as the matrix it is held as. */
export function tensorSize(shape: readonly number[]): { rows: number; cols: number } {
  const rows = shape.length < 2 ? 1 : (shape[0] ?? 1);
  return { rows, cols: rows === 0 ? 0 : elementCount(shape) / rows };
}

/**
 * Reads a float tensor of an opened file into native memory.
 * @throws E-WEIGHT-NOT-FINITE naming the tensor and the index, E-FILE-CHANGED, E-FILE-*, E-LAYER-UNKNOWN
 */
export async function loadFloatTensor(
  addon: NativeAddon,
  file: SafetensorsFile,
  name: string,
): Promise<Tensor> {
  const stored = file.tensors.get(name);
  if (!stored || !readableFloats.has(stored.dtype)) {
    throw new QatError(
      'E-LAYER-UNKNOWN',
      `${file.path} has no float tensor named ${name}.`,
      'Choose another tensor.',
    );
  }
  const { rows, cols } = tensorSize(stored.shape);
  const region = {
    path: file.path,
    offset: file.dataStart + stored.begin,
    byteLength: stored.end - stored.begin,
    dtype: stored.dtype as ReadableFloat,
  };
  try {
    await assertFileUnchanged(file);
    return await addon.tensorFromFile(region, rows, cols);
  } catch (thrown) {
    // The addon knows an index, not a name: say which tensor of which file it is about.
    const error = asQatError(thrown);
    throw new QatError(error.code, `${name} in ${file.path}: ${error.message}`, error.remedy, {
      cause: thrown,
    });
  }
}

/** @throws E-FILE-CHANGED when the path now holds another file than the one whose header was read. */
async function assertFileUnchanged(file: SafetensorsFile): Promise<void> {
  let now: BigIntStats;
  try {
    now = await stat(file.path, { bigint: true });
  } catch (thrown) {
    throw toReadError(file.path, thrown);
  }
  const { identity } = file;
  const same =
    now.ino === identity.inode &&
    now.dev === identity.device &&
    now.mtimeNs === identity.modifiedNs &&
    Number(now.size) === identity.sizeBytes;
  if (same) return;
  throw new QatError(
    'E-FILE-CHANGED',
    'the file changed since it was opened.',
    'Open the file again; it becomes a project of its own.',
  );
}
