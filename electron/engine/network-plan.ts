/** The addon's network of a checked graph, and which of its parameters is which tensor of the model file. */
import type { NativeActivationQuantizer, NetworkNode } from '../../native/index.js';
import type { Configuration, Graph, GraphNode, LayerConfig } from '../contract/index.js';
import { baseName, type TensorShape } from './graph.js';
import { type LayerNode, layerInputFacts } from './graph-wiring.js';
import { type ShiftedGraph, withInputShifts } from './input-shifts.js';
import { toNativeActivation, toNativeQuantizer } from './quantizers.js';

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

/** A quantizable layer: the weight's tensor name is its name everywhere but in the addon. */
export interface PlannedLayer {
  layer: string;
  /** Its name in the addon. */
  node: string;
  /** Of the weight tensor; rows × cols is its matrix. */
  shape: number[];
  rows: number;
  cols: number;
  config: LayerConfig;
  /** As in `config`, with `auto` resolved. */
  activation: NativeActivationQuantizer;
}

export interface NetworkPlan {
  /** As planned: the model's, with the input shifts that the configuration adds. */
  graph: Graph;
  nodes: NetworkNode[];
  /** Network parameter → tensor name in the file, with its shape there; `added` ones are not there and start at 0. */
  parameters: { parameter: string; tensor: string; shape: number[]; added: boolean }[];
  layers: PlannedLayer[];
}

/** `configuration` decides the bits per layer; a layer it does not name stays float. */
export function planNetwork(
  graph: Graph,
  tensors: ReadonlyMap<string, TensorShape>,
  configuration: Configuration,
): NetworkPlan {
  const shifted = withInputShifts(graph, tensors, configuration);
  const planner = new Planner(shifted, tensors, configuration);
  shifted.graph.nodes.forEach((node, index) => {
    planner.add(node, index);
  });
  return planner.plan;
}

/** Nodes that say the shape of what enters them; before others the addon wants to be told. */
const statesItsInput: readonly GraphNode['op'][] = ['linear', 'batchNorm', 'layerNorm'];

class Planner {
  readonly plan: NetworkPlan;
  readonly #added: ShiftedGraph['added'];
  readonly #tensors: ReadonlyMap<string, TensorShape>;
  readonly #configuration: Configuration;
  readonly #inputs: ReturnType<typeof layerInputFacts>;
  readonly #taken: Set<string>;

  constructor(
    { graph, added }: ShiftedGraph,
    tensors: ReadonlyMap<string, TensorShape>,
    configuration: Configuration,
  ) {
    this.plan = { graph, nodes: [], parameters: [], layers: [] };
    this.#added = added;
    this.#tensors = tensors;
    this.#configuration = configuration;
    this.#inputs = layerInputFacts(graph);
    this.#taken = new Set([graph.input, ...graph.nodes].flatMap(({ name }) => name ?? []));
    const [first] = graph.nodes;
    const { name, features, shape } = graph.input;
    const stated = first !== undefined && statesItsInput.includes(first.op);
    if (shape === undefined && name === undefined && stated) return;
    this.plan.nodes.push({ op: 'input', ...(name !== undefined && { name }), shape: shape ?? [features] });
  }

  add(node: GraphNode, index: number): void {
    const inputs = node.inputs && { inputs: [...node.inputs] };
    const named = node.name === undefined ? {} : { name: node.name };
    switch (node.op) {
      case 'linear':
      case 'conv2d':
        this.#addLayer(node, index);
        return;
      case 'batchNorm':
      case 'layerNorm': {
        const name = this.#name(node, node.gamma.replace(/\.(gamma|weight)$/, ''), index);
        const [features = 0] = this.#shape(node.gamma);
        this.plan.nodes.push({ op: node.op, name, features, ...inputs });
        this.#bind(name, node.op === 'batchNorm' ? batchNormTensors(node) : layerNormTensors(node));
        return;
      }
      case 'prelu': {
        const name = this.#name(node, node.slope.replace(/\.(slope|weight)$/, ''), index);
        this.plan.nodes.push({ op: 'prelu', name, ...inputs });
        this.#bind(name, { slope: node.slope });
        return;
      }
      case 'add':
      case 'attention':
      case 'matmul':
        this.plan.nodes.push(node);
        return;
      case 'maxPool2d':
      case 'avgPool2d': {
        const { op, kernel, stride = kernel } = node;
        this.plan.nodes.push({ op, ...named, kernel, stride, ...inputs });
        return;
      }
      case 'dropout':
        this.plan.nodes.push({ op: 'dropout', ...named, rate: node.rate, ...inputs });
        return;
      default:
        this.plan.nodes.push({ op: node.op, ...named, ...inputs });
    }
  }

  #addLayer(node: LayerNode, index: number): void {
    const config = this.#configuration[node.weight] ?? floatLayerConfig;
    const shape = this.#shape(node.weight);
    const [rows = 0, ...rest] = shape;
    const cols = rest.reduce((product, extent) => product * extent, 1);
    const name = this.#name(node, baseName(node.weight), index);
    const nonNegative = this.#inputs.get(node.weight)?.nonNegative ?? false;
    const activation = toNativeActivation(config.activation, nonNegative);
    const common = {
      name,
      bias: node.bias !== null,
      ...(node.inputs && { inputs: [...node.inputs] }),
      inputShift: node.inputShift !== undefined,
      weight: toNativeQuantizer(config.weight),
      activation,
    };
    if (node.op === 'linear') {
      this.plan.nodes.push({ op: 'linear', ...common, inChannels: cols, outChannels: rows });
    } else {
      const { stride = 1, padding = 0, dilation = 1, groups = 1 } = node;
      const [, perGroup = 0, height = 0, width = 0] = shape;
      const channels = { inChannels: perGroup * groups, outChannels: rows };
      const window = { kernel: [height, width] as [number, number], stride, padding, dilation, groups };
      this.plan.nodes.push({ op: 'conv2d', ...common, ...channels, ...window });
    }
    this.#bind(name, {
      weight: node.weight,
      ...(node.bias !== null && { bias: node.bias }),
      ...(node.inputShift !== undefined && { inputShift: node.inputShift }),
    });
    this.plan.layers.push({ layer: node.weight, node: name, shape, rows, cols, config, activation });
  }

  #shape(tensor: string): number[] {
    return [...(this.#tensors.get(tensor)?.shape ?? [])];
  }

  #bind(node: string, tensors: Record<string, string>): void {
    for (const [suffix, tensor] of Object.entries(tensors)) {
      const channels = this.#added.get(tensor);
      const added = channels !== undefined;
      const shape = added ? [channels] : this.#shape(tensor);
      this.plan.parameters.push({ parameter: `${node}.${suffix}`, tensor, shape, added });
    }
  }

  /** The name the addon's errors and parameters use: its own or like the tensor's, and unique among the nodes. */
  #name(node: GraphNode, wanted: string, index: number): string {
    if (node.name !== undefined) return node.name;
    const name = this.#taken.has(wanted) ? `${wanted}#${index}` : wanted;
    this.#taken.add(name);
    return name;
  }
}

function batchNormTensors(node: Extract<GraphNode, { op: 'batchNorm' }>): Record<string, string> {
  const { gamma, beta, runningMean, runningVar } = node;
  return { gamma, beta, runningMean, runningVar };
}

function layerNormTensors({ gamma, beta }: Extract<GraphNode, { op: 'layerNorm' }>): Record<string, string> {
  return { gamma, beta };
}
