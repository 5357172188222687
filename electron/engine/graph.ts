/**
 * The network graph of a model file: read from `__metadata__['qat.graph']`, checked node by node against
 * the file's tensors, and turned into the addon's nodes. A graph that does not fit is refused whole: its model
 * opens without one.
 */
import type { NetworkNode } from '../../native/index.js';
import {
  type Configuration,
  type Graph,
  graphNodeSchema,
  graphSchema,
  type LayerConfig,
  QatError,
} from '../contract/index.js';
import { toNativeActivation, toNativeQuantizer } from './quantizers.js';

export const graphMetadataKey = 'qat.graph';

/** What the checks need to know of a tensor. */
export interface TensorShape {
  shape: readonly number[];
  isFloat: boolean;
}

/** Float in, float out: what a trainable layer is when nothing quantizes it. */
export const floatLayerConfig: LayerConfig = {
  weight: {
    bits: 32,
    grid: 'signed',
    granularity: 'channel',
    groupSize: 64,
    range: 'absmax',
    method: 'ste',
  },
  activation: { bits: 32, grid: 'auto', range: 'absmax', method: 'ste' },
};

function graphError(file: string, what: string): QatError {
  return new QatError(
    'E-MODEL-GRAPH',
    `${file}: the network graph in __metadata__["${graphMetadataKey}"] ${what}`,
    'The layers can be analysed, quantized and exported all the same. To train, correct the graph (docs/file-formats.md).',
  );
}

/** @throws QatError E-MODEL-GRAPH when the text is no graph or does not fit the tensors. */
export function parseGraph(file: string, text: string, tensors: ReadonlyMap<string, TensorShape>): Graph {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw graphError(file, 'is not valid JSON.');
  }
  const parsed = graphSchema.safeParse(value);
  if (!parsed.success) {
    const unknown = unknownOperation(value);
    if (unknown !== null) throw graphError(file, unknown);
    const issue = parsed.error.issues[0];
    const where = issue ? issue.path.join('.') : '';
    throw graphError(file, `is not a version 1 graph: ${where ? `${where}: ` : ''}${issue?.message ?? ''}.`);
  }
  checkGraph(file, parsed.data, tensors);
  return parsed.data;
}

const knownOperations: readonly string[] = graphNodeSchema.options.map(({ shape }) => shape.op.value);

/** The commonest reason in plain words: the network has an operation that cannot be trained here yet. */
function unknownOperation(value: unknown): string | null {
  const nodes = (value as { nodes?: unknown } | null)?.nodes;
  if (!Array.isArray(nodes)) return null;
  const index = nodes.findIndex((node) => !knownOperations.includes(node?.op));
  if (index < 0) return null;
  const op = JSON.stringify(nodes[index]?.op ?? null).slice(0, 60);
  return `has an operation that cannot be trained here: node ${index} is ${op}; ${knownOperations.join(', ')} can be.`;
}

function checkGraph(file: string, graph: Graph, tensors: ReadonlyMap<string, TensorShape>): void {
  const used = new Set<string>();
  const expect = (name: string, shape: readonly (number | null)[], node: number): readonly number[] => {
    const tensor = tensors.get(name);
    const at = `node ${node}: `;
    if (!tensor) throw graphError(file, `names a tensor that is not in the file: ${at}${name}.`);
    if (!tensor.isFloat) throw graphError(file, `uses a tensor that is not floating point: ${at}${name}.`);
    if (used.has(name)) throw graphError(file, `uses a tensor twice, which is not supported: ${at}${name}.`);
    used.add(name);
    const fits =
      tensor.shape.length === shape.length &&
      shape.every((size, axis) => size === null || size === tensor.shape[axis]);
    if (!fits) {
      const wanted = shape.map((size) => size ?? 'any').join(', ');
      throw graphError(file, `does not fit: ${at}${name} is [${tensor.shape.join(', ')}], not [${wanted}].`);
    }
    return tensor.shape;
  };
  if (graph.nodes[0]?.op === 'relu') throw graphError(file, 'begins with a ReLU.');
  let features = graph.input.features;
  graph.nodes.forEach((node, index) => {
    if (node.op === 'linear') {
      const [outChannels = 0] = expect(node.weight, [null, features], index);
      if (outChannels < 1) throw graphError(file, `has a layer without outputs: node ${index}.`);
      if (node.bias !== null) expect(node.bias, [outChannels], index);
      features = outChannels;
    } else if (node.op === 'batchNorm') {
      for (const name of [node.gamma, node.beta, node.runningMean, node.runningVar]) {
        expect(name, [features], index);
      }
    }
  });
  if (features !== graph.classes) {
    throw graphError(file, `ends with ${features} outputs but states ${graph.classes} classes.`);
  }
}

/** Weight tensors of the graph's linear nodes, in order. */
export function graphLayers(graph: Graph): string[] {
  return graph.nodes.flatMap((node) => (node.op === 'linear' ? [node.weight] : []));
}

/** `fc1.weight` → `fc1`; other names stay whole. */
export function baseName(layer: string): string {
  return layer.endsWith('.weight') && layer.length > '.weight'.length ? layer.slice(0, -7) : layer;
}

/** The addon's network of a graph, and which of its parameters is which tensor of the file. */
export interface NetworkPlan {
  nodes: NetworkNode[];
  /** Network parameter → tensor name in the file, with its shape there. */
  parameters: { parameter: string; tensor: string; shape: number[] }[];
  /** Quantizable layers: the weight's tensor name is the layer's name everywhere but in the addon. */
  layers: { layer: string; node: string; rows: number; cols: number; config: LayerConfig }[];
}

/** `configuration` decides the bits per layer; a layer it does not name stays float. */
export function planNetwork(
  graph: Graph,
  tensors: ReadonlyMap<string, TensorShape>,
  configuration: Configuration,
): NetworkPlan {
  const plan: NetworkPlan = { nodes: [], parameters: [], layers: [] };
  const sizes = new SizeReader(tensors);
  graph.nodes.forEach((node, index) => {
    const previous = graph.nodes[index - 1];
    if (node.op === 'relu') plan.nodes.push({ op: 'relu' });
    else if (node.op === 'batchNorm') addBatchNorm(plan, node, index, sizes);
    else addLinear(plan, node, index, sizes, configuration[node.weight], previous?.op === 'relu');
  });
  return plan;
}

/** The name the addon's errors and parameters use: like the tensor's, and unique among the nodes. */
function nodeName(plan: NetworkPlan, wanted: string, index: number): string {
  const taken = plan.nodes.some((node) => 'name' in node && node.name === wanted);
  return taken ? `${wanted}#${index}` : wanted;
}

class SizeReader {
  readonly #tensors: ReadonlyMap<string, TensorShape>;
  constructor(tensors: ReadonlyMap<string, TensorShape>) {
    this.#tensors = tensors;
  }
  shape(name: string): number[] {
    return [...(this.#tensors.get(name)?.shape ?? [])];
  }
}

function addLinear(
  plan: NetworkPlan,
  node: Extract<Graph['nodes'][number], { op: 'linear' }>,
  index: number,
  sizes: SizeReader,
  configured: LayerConfig | undefined,
  inputIsRelu: boolean,
): void {
  const config = configured ?? floatLayerConfig;
  const shape = sizes.shape(node.weight);
  const [rows = 0, cols = 0] = shape;
  const name = nodeName(plan, baseName(node.weight), index);
  plan.nodes.push({
    op: 'linear',
    name,
    inChannels: cols,
    outChannels: rows,
    bias: node.bias !== null,
    weight: toNativeQuantizer(config.weight),
    activation: toNativeActivation(config.activation, inputIsRelu),
  });
  plan.parameters.push({ parameter: `${name}.weight`, tensor: node.weight, shape });
  if (node.bias !== null) {
    plan.parameters.push({ parameter: `${name}.bias`, tensor: node.bias, shape: [rows] });
  }
  plan.layers.push({ layer: node.weight, node: name, rows, cols, config });
}

function addBatchNorm(
  plan: NetworkPlan,
  node: Extract<Graph['nodes'][number], { op: 'batchNorm' }>,
  index: number,
  sizes: SizeReader,
): void {
  const name = nodeName(plan, node.gamma.replace(/\.(gamma|weight)$/, ''), index);
  const shape = sizes.shape(node.gamma);
  plan.nodes.push({ op: 'batchNorm', name, features: shape[0] ?? 0 });
  for (const part of ['gamma', 'beta', 'runningMean', 'runningVar'] as const) {
    plan.parameters.push({ parameter: `${name}.${part}`, tensor: node[part], shape });
  }
}
