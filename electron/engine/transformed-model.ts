/** The float model with batch norms folded and channels equalised, in memory: what a new file is written from. */
import type { NativeAddon } from '../../native/index.js';
import { type Graph, QatError, type TransformChoice, type TransformPlan } from '../contract/index.js';
import { readTensorBytes, type SafetensorsSource } from '../formats/index.js';
import { baseName, graphMetadataKey } from './graph.js';
import { chainsOf, foldedGraph, planTransforms } from './graph-transforms.js';
import { isLayer, type LayerNode } from './graph-wiring.js';
import { type Model, tensorSize } from './model.js';
import { withCancel } from './native-call.js';
import { requireGraph } from './network-state.js';

/** Of every batch norm of a network (docs/numerics.md §4). */
const batchNormEpsilon = 1e-5;
/** Of a grouped convolution's weight as one matrix, which equalising takes. */
const mostValues = 2 ** 28;

export interface TransformedModel {
  graph: Graph;
  /** Tensors with other values than in the file, or that the file lacks. */
  changed: Map<string, { shape: readonly number[]; values: Float32Array }>;
  /** Tensors of folded batch norms, which no node names any more. */
  removed: Set<string>;
  folded: number;
  equalized: number;
}

const nothing = (reason: string): TransformPlan => ({ folds: [], pairs: [], reason });

/** What can be done to the model. */
export function transformPlan({ content, shapes }: Model): TransformPlan {
  const { graph, graphError } = content;
  if (graph) return planTransforms(graph, shapes);
  return nothing(
    graphError?.message.slice(0, 1000) ?? 'The file does not describe its network (docs/file-formats.md).',
  );
}

/** @throws E-REQUEST-INVALID, E-WEIGHT-NOT-FINITE, E-NATIVE-ARGUMENT, E-OUT-OF-MEMORY, E-FILE-*, E-CANCELLED */
export async function transformModel(
  addon: NativeAddon,
  model: Model,
  choice: TransformChoice,
  signal?: AbortSignal,
): Promise<TransformedModel> {
  const plan = transformPlan(model);
  checkChoice(plan, choice);
  const work = new Transformation(addon, model, requireGraph(model));
  for (const { norm, layer } of plan.folds) {
    if (layer !== null && choice.folds.includes(norm)) await work.fold(norm, layer);
  }
  for (const chain of chainsOf(plan, choice)) await work.equalize(chain, signal);
  return work.result(choice);
}

function checkChoice(plan: TransformPlan, { folds, pairs }: TransformChoice): void {
  const invalid = (what: string): never => {
    throw new QatError('E-REQUEST-INVALID', what, 'Choose among what the dialog lists.');
  };
  if (folds.length + pairs.length === 0) invalid('Nothing was chosen to be folded or equalised.');
  for (const norm of folds) {
    const found = plan.folds.find((fold) => fold.norm === norm);
    if (!found?.layer)
      invalid(`The batch norm ${norm} cannot be folded. ${found?.reason ?? plan.reason ?? ''}`);
  }
  for (const from of pairs) {
    const found = plan.pairs.find((pair) => pair.from === from);
    if (!found?.to) invalid(`${from} cannot be equalised. ${found?.reason ?? plan.reason ?? ''}`);
    const missing = found?.needs.filter((norm) => !folds.includes(norm)) ?? [];
    if (missing.length > 0) invalid(`${from} can be equalised only with ${missing.join(', ')} folded.`);
  }
}

class Transformation {
  readonly #addon: NativeAddon;
  readonly #model: Model;
  readonly #graph: Graph;
  readonly #changed: TransformedModel['changed'] = new Map();
  readonly #removed = new Set<string>();
  /** Layer → the bias it had not. */
  readonly #biases = new Map<string, string>();

  constructor(addon: NativeAddon, model: Model, graph: Graph) {
    this.#addon = addon;
    this.#model = model;
    this.#graph = graph;
  }

  async fold(gamma: string, layer: string): Promise<void> {
    const norm = this.#graph.nodes.find((node) => node.op === 'batchNorm' && node.gamma === gamma);
    if (norm?.op !== 'batchNorm') throw new Error(`${gamma} is no batch norm.`);
    const { bias } = this.#node(layer);
    const { rows, cols, shape } = this.#matrix(layer);
    const folded = this.#addon.ops.foldBatchNorm(
      await this.#values(layer),
      bias === null ? null : await this.#values(bias),
      rows,
      cols,
      {
        gamma: await this.#values(gamma),
        beta: await this.#values(norm.beta),
        mean: await this.#values(norm.runningMean),
        variance: await this.#values(norm.runningVar),
        epsilon: batchNormEpsilon,
      },
    );
    this.#changed.set(layer, { shape, values: folded.weight });
    this.#changed.set(bias ?? this.#newBias(layer), { shape: [rows], values: folded.bias });
    for (const name of [gamma, norm.beta, norm.runningMean, norm.runningVar]) this.#removed.add(name);
  }

  async equalize(chain: readonly string[], signal?: AbortSignal): Promise<void> {
    const layers = await Promise.all(chain.map((layer) => this.#equalized(layer)));
    const made = await withCancel(this.#addon, signal, (token) => this.#addon.ops.equalize(layers, token));
    for (const [index, layer] of chain.entries()) {
      const { shape, rows, cols } = this.#matrix(layer);
      const { weight, bias } = made.layers[index] ?? { weight: new Float32Array(0), bias: null };
      const groups = this.#groups(layer);
      this.#changed.set(layer, {
        shape,
        values: groups === 1 ? weight : fromBlocks(weight, rows, cols, groups),
      });
      const name = this.#biasOf(layer);
      if (bias && name !== null) this.#changed.set(name, { shape: [rows], values: bias });
    }
  }

  result({ folds, pairs }: TransformChoice): TransformedModel {
    return {
      graph: foldedGraph(this.#graph, new Set(folds), this.#biases),
      changed: this.#changed,
      removed: this.#removed,
      folded: folds.length,
      equalized: pairs.length,
    };
  }

  /** A grouped convolution as the matrix it is: its groups are blocks of it, all else is 0. */
  async #equalized(layer: string) {
    const { rows, cols } = this.#matrix(layer);
    const groups = this.#groups(layer);
    const values = await this.#values(layer);
    const bias = this.#biasOf(layer);
    return {
      weight: groups === 1 ? values : intoBlocks(layer, values, rows, cols, groups),
      rows,
      cols: cols * groups,
      bias: bias === null ? null : await this.#values(bias),
    };
  }

  #node(layer: string): LayerNode {
    const node = this.#graph.nodes.find((candidate) => isLayer(candidate) && candidate.weight === layer);
    if (isLayer(node)) return node;
    throw new Error(`${layer} is no layer of the graph.`);
  }

  #groups(layer: string): number {
    const node = this.#node(layer);
    return node.op === 'conv2d' ? (node.groups ?? 1) : 1;
  }

  #biasOf(layer: string): string | null {
    return this.#node(layer).bias ?? this.#biases.get(layer) ?? null;
  }

  #newBias(layer: string): string {
    let name = `${baseName(layer)}.bias`;
    while (this.#model.file.tensors.has(name) || this.#changed.has(name)) name += '_folded';
    this.#biases.set(layer, name);
    return name;
  }

  #matrix(layer: string) {
    const shape = this.#model.shapes.get(layer)?.shape ?? [];
    return { shape, ...tensorSize(shape) };
  }

  async #values(tensor: string): Promise<Float32Array> {
    const changed = this.#changed.get(tensor);
    return changed ? changed.values : this.#model.valuesOf(tensor);
  }
}

/** [rows, cols] of `groups` blocks → [rows, cols · groups], row r's values in the columns of its group. */
function intoBlocks(layer: string, values: Float32Array, rows: number, cols: number, groups: number) {
  if (rows * cols * groups > mostValues) {
    throw new QatError(
      'E-OUT-OF-MEMORY',
      `${layer} in ${groups} groups is too large to be equalised.`,
      'Leave its pairs out.',
    );
  }
  const blocks = new Float32Array(rows * cols * groups);
  for (let row = 0; row < rows; row += 1) {
    blocks.set(values.subarray(row * cols, (row + 1) * cols), blockStart(row, rows, cols, groups));
  }
  return blocks;
}

function fromBlocks(blocks: Float32Array, rows: number, cols: number, groups: number): Float32Array {
  const values = new Float32Array(rows * cols);
  for (let row = 0; row < rows; row += 1) {
    const start = blockStart(row, rows, cols, groups);
    values.set(blocks.subarray(start, start + cols), row * cols);
  }
  return values;
}

const blockStart = (row: number, rows: number, cols: number, groups: number) =>
  row * cols * groups + Math.floor(row / (rows / groups)) * cols;

/** The new file's tensors: as they are in the model's file, but for those that changed. */
export function transformedSources(
  { file }: Model,
  { changed, removed }: TransformedModel,
  signal?: AbortSignal,
): SafetensorsSource[] {
  const kept = [...file.tensors].filter(([name]) => !removed.has(name) && !changed.has(name));
  return [
    ...kept.map(([name, { dtype, shape }]): SafetensorsSource => {
      const data = async function* () {
        yield await readTensorBytes(file, name, { signal });
      };
      return { name, dtype, shape, data };
    }),
    ...[...changed].map(([name, { shape, values }]): SafetensorsSource => {
      return { name, dtype: 'F32', shape, data: values };
    }),
  ];
}

/** What the file says of itself, with the new graph. */
export function transformedMetadata({ file }: Model, { graph }: TransformedModel): [string, string][] {
  return [...new Map(file.metadata).set(graphMetadataKey, JSON.stringify(graph))];
}
