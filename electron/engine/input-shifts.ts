/** Learned input shifts that a configuration asks for, as if the model's file had named them. */
import {
  type ActivationQuantizer,
  type Configuration,
  type Graph,
  type GraphNode,
  shiftsInput,
} from '../contract/index.js';
import { baseName, type TensorShape } from './graph.js';
import { isLayer, type LayerNode } from './graph-wiring.js';

export interface ShiftedGraph {
  graph: Graph;
  /** Tensors of the graph that the file lacks → number of input channels. They start at 0. */
  added: ReadonlyMap<string, number>;
}

/** A layer whose shift the file names keeps that one. */
export function withInputShifts(
  graph: Graph,
  tensors: ReadonlyMap<string, TensorShape>,
  configuration: Configuration,
): ShiftedGraph {
  const added = new Map<string, number>();
  const shifted = (node: GraphNode): GraphNode => {
    if (!isLayer(node) || node.inputShift !== undefined) return node;
    const config = configuration[node.weight];
    if (!config || !shiftsInput(config.activation)) return node;
    let name = `${baseName(node.weight)}.channel_shift`;
    while (tensors.has(name) || added.has(name)) name += '_';
    added.set(name, inputChannels(node, tensors));
    return { ...node, inputShift: name };
  };
  const nodes = graph.nodes.map(shifted);
  return added.size === 0 ? { graph, added } : { graph: { ...graph, nodes }, added };
}

function inputChannels(node: LayerNode, tensors: ReadonlyMap<string, TensorShape>): number {
  const [, perGroup = 0] = tensors.get(node.weight)?.shape ?? [];
  return node.op === 'conv2d' ? perGroup * (node.groups ?? 1) : perGroup;
}

/** A shift is learned with the network: by itself, a layer's would be 0 still, which is none. */
export function withoutInputShift(activation: ActivationQuantizer): ActivationQuantizer {
  const { inputShift, ...rest } = activation;
  return rest;
}
