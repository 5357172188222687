/** From which nodes a node of the graph takes its inputs. */
import type { Graph } from '../contract/index.js';

/** In place of a node: what enters the network. */
export const inputIndex = -1;

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
export function nonNegativeNodes(graph: Graph, wiring: readonly (readonly number[])[]): boolean[] {
  const known: boolean[] = [];
  graph.nodes.forEach(({ op }, index) => {
    const inputs = (wiring[index] ?? []).every((source) => known[source] ?? false);
    const keepsSign = ['maxPool2d', 'avgPool2d', 'flatten', 'dropout', 'add'].includes(op);
    known.push(op === 'relu' || (keepsSign && inputs));
  });
  return known;
}
