/** From which nodes a node of the graph takes its inputs. */
import type { Graph, GraphNode, LayerInfo } from '../contract/index.js';

/** In place of a node: what enters the network. */
export const inputIndex = -1;

/** A node with a weight that can be quantized. */
export type LayerNode = Extract<GraphNode, { op: 'linear' | 'conv2d' }>;

export const isLayer = (node: GraphNode | undefined): node is LayerNode =>
  node?.op === 'linear' || node?.op === 'conv2d';

/** Says what is wrong with a graph, after "the network graph …". */
export type Refuse = (what: string) => never;

/** For each node the indices of the nodes it takes from. Refuses names that are unknown, later or used twice. */
export function wireGraph(graph: Graph, refuse: Refuse): number[][] {
  const named = new Map<string, number>();
  if (graph.input.name !== undefined) named.set(graph.input.name, inputIndex);
  return graph.nodes.map((node, index) => {
    const sources = node.inputs?.map((name) => {
      const source = named.get(name);
      if (source !== undefined) return source;
      return refuse(`takes an input from a node that is not before it: node ${index} from "${name}".`);
    });
    if (node.name !== undefined) {
      if (named.has(node.name)) refuse(`uses a node's name twice: node ${index} is "${node.name}".`);
      named.set(node.name, index);
    }
    // The first node's input is the network's: index − 1 is inputIndex.
    return sources ?? [index - 1];
  });
}

/** For each node, whether all it gives is ≥ 0 whatever it gets. */
function nonNegativeNodes(graph: Graph, wiring: readonly (readonly number[])[]): boolean[] {
  const known: boolean[] = [];
  graph.nodes.forEach(({ op }, index) => {
    const inputs = (wiring[index] ?? []).every((source) => known[source] ?? false);
    const keepsSign = ['maxPool2d', 'avgPool2d', 'flatten', 'dropout', 'add'].includes(op);
    known.push(op === 'relu' || (keepsSign && inputs));
  });
  return known;
}

/** What the graph says of the inputs of its layers, by the names of their weights. */
export function layerInputFacts(graph: Graph): Map<string, LayerInfo['input']> {
  const wiring = wireGraph(graph, refuseChecked);
  const known = nonNegativeNodes(graph, wiring);
  const facts = new Map<string, LayerInfo['input']>();
  graph.nodes.forEach((node, index) => {
    if (!isLayer(node)) return;
    const [source = inputIndex] = wiring[index] ?? [];
    // A learned shift may take anything below zero.
    const nonNegative = node.inputShift === undefined && (known[source] ?? false);
    facts.set(node.weight, { nonNegative, groups: (node.op === 'conv2d' && node.groups) || 1 });
  });
  return facts;
}

/** For graphs that were checked when they were read. */
export const refuseChecked: Refuse = (what) => {
  throw new Error(`The network graph ${what}`);
};
