/**
 * What of a network can be folded and equalised, from its graph alone; and the graph that is left. Folding needs a
 * batch norm that is all that happens to a layer's output; equalising needs two layers with nothing between but
 * functions with f(s·x) = s·f(x) for s > 0, and no branch.
 */
import type {
  EqualizedPair,
  Fold,
  Graph,
  GraphNode,
  TransformChoice,
  TransformPlan,
} from '../contract/index.js';
import { checkGraph, type TensorShape } from './graph-check.js';
import { inputIndex, isLayer, type LayerNode, refuseChecked, wireGraph } from './graph-wiring.js';

type BatchNorm = Extract<GraphNode, { op: 'batchNorm' }>;
/** Operations that pass a positive factor of a channel through, channel by channel. */
const homogeneous: readonly GraphNode['op'][] = [
  'relu',
  'prelu',
  'maxPool2d',
  'avgPool2d',
  'flatten',
  'dropout',
];

/** The graph with what its nodes take from and give to. */
class Wired {
  readonly nodes: readonly GraphNode[];
  readonly sources: number[][];
  readonly takers: number[][];
  /** Of what enters each node. */
  readonly entering: (readonly (readonly number[])[])[];

  constructor(graph: Graph, tensors: ReadonlyMap<string, TensorShape>) {
    this.nodes = graph.nodes;
    this.sources = wireGraph(graph, refuseChecked);
    this.entering = checkGraph(graph, tensors, refuseChecked);
    this.takers = graph.nodes.map(() => []);
    this.sources.forEach((sources, index) => {
      for (const source of sources) this.takers[source]?.push(index);
    });
  }

  /** The one node that takes what this one gives; a text says why there is none. */
  onlyTaker(index: number): number | string {
    const takers = this.takers[index] ?? [];
    const [taker] = takers;
    if (taker === undefined) return 'What it gives is the network’s output';
    if (takers.length === 1) return taker;
    const ops = takers.map((at) => this.nodes[at]?.op);
    return `What it gives goes to ${takers.length} nodes: ${ops.join(', ')}`;
  }
}

/** Batch norms and pairs in the order of the graph. */
export function planTransforms(graph: Graph, tensors: ReadonlyMap<string, TensorShape>): TransformPlan {
  const wired = new Wired(graph, tensors);
  const folds = graph.nodes.flatMap((node, index) =>
    node.op === 'batchNorm' ? [fold(wired, node, index)] : [],
  );
  const foldable = new Set(folds.flatMap(({ norm, layer }) => (layer === null ? [] : [norm])));
  const pairs = graph.nodes.flatMap((node, index) =>
    isLayer(node) ? pair(wired, node, index, foldable) : [],
  );
  return { folds, pairs, reason: null };
}

function fold(wired: Wired, node: BatchNorm, index: number): Fold {
  const source = wired.sources[index]?.[0] ?? inputIndex;
  const layer = wired.nodes[source];
  const cannot = (reason: string): Fold => ({ norm: node.gamma, layer: null, reason });
  if (source === inputIndex) return cannot('It takes the network’s input: there is no layer before it.');
  if (!isLayer(layer))
    return cannot(`It is behind ${layer?.op}, not directly behind a linear layer or convolution.`);
  const taker = wired.onlyTaker(source);
  if (typeof taker === 'string') return cannot(`${layer.weight}: ${taker.toLowerCase()}.`);
  return { norm: node.gamma, layer: layer.weight, reason: null };
}

/** Nothing for the layer that gives the network's output. */
function pair(wired: Wired, first: LayerNode, start: number, foldable: ReadonlySet<string>): EqualizedPair[] {
  const through: string[] = [];
  const needs: string[] = [];
  const made = (to: string | null, reason: string | null): EqualizedPair[] => [
    { from: first.weight, to, through, needs, reason: reason && `${reason}.` },
  ];
  if (wired.takers[start]?.length === 0) return [];
  let at = start;
  for (;;) {
    const next = wired.onlyTaker(at);
    if (typeof next === 'string')
      return made(null, at === start ? next : `${next} behind ${through.join(', ')}`);
    const node = wired.nodes[next];
    if (isLayer(node)) {
      const reason = unfit(node);
      return made(reason === null ? node.weight : null, reason);
    }
    const reason = node ? between(wired, node, next, foldable) : 'The network ends';
    if (reason !== null) return made(null, reason);
    if (node?.op === 'batchNorm') needs.push(node.gamma);
    else if (node) through.push(node.op);
    at = next;
  }
}

function unfit({ weight, inputShift }: LayerNode): string | null {
  return inputShift === undefined ? null : `${weight} shifts its inputs, which a factor does not pass`;
}

/** Why a node must not lie between two layers; null when it may. */
function between(wired: Wired, node: GraphNode, index: number, foldable: ReadonlySet<string>): string | null {
  if (node.op === 'batchNorm') {
    const source = wired.nodes[wired.sources[index]?.[0] ?? inputIndex];
    return foldable.has(node.gamma) && isLayer(source)
      ? null
      : 'A batch norm that cannot be folded lies behind it';
  }
  if (node.op === 'flatten' && wired.entering[index]?.[0]?.length === 2) {
    return 'Its tokens become one row: a channel is in columns that are not neighbours';
  }
  return homogeneous.includes(node.op) ? null : `Behind it: ${node.op}, which passes no factor on`;
}

/** Chains of layers, each with the next a chosen pair, so that a chain is equalised as one. */
export function chainsOf(plan: TransformPlan, { pairs: chosen }: TransformChoice): string[][] {
  const next = new Map(
    plan.pairs.flatMap(({ from, to }) => (to !== null && chosen.includes(from) ? [[from, to] as const] : [])),
  );
  const reached = new Set(next.values());
  return [...next.keys()]
    .filter((from) => !reached.has(from))
    .map((from) => {
      const chain = [from];
      for (let to = next.get(from); to !== undefined; to = next.get(to)) chain.push(to);
      return chain;
    });
}

/**
 * The graph without the folded batch norms; `biases`: of layers that had none. Who took from a batch norm takes from
 * its layer.
 */
export function foldedGraph(
  graph: Graph,
  folded: ReadonlySet<string>,
  biases: ReadonlyMap<string, string>,
): Graph {
  const wiring = wireGraph(graph, refuseChecked);
  const isFolded = (node: GraphNode | undefined) => node?.op === 'batchNorm' && folded.has(node.gamma);
  /** Of each node, the one that stands for it. */
  const standsFor = wiring.map((sources, index) =>
    isFolded(graph.nodes[index]) ? (sources[0] ?? index) : index,
  );
  const standIn = (source: number) => (source === inputIndex ? source : (standsFor[source] ?? source));
  const names = new NodeNames(graph);
  const nodes: GraphNode[] = [];
  let before = inputIndex;
  graph.nodes.forEach((node, index) => {
    if (isFolded(node)) return;
    const old = wiring[index] ?? [];
    const sources = old.map(standIn);
    const moved = sources.some((source, at) => source !== old[at]);
    const stays = node.inputs === undefined ? sources[0] === before : !moved;
    const inputs = stays ? {} : { inputs: sources.map((source) => names.of(source)) };
    nodes.push({ ...node, ...inputs } as GraphNode);
    before = index;
  });
  const kept = graph.nodes.flatMap((node, index) => (isFolded(node) ? [] : [index]));
  return {
    ...graph,
    nodes: nodes.map((node, at) => {
      const name = names.given(kept[at] ?? at);
      const bias = isLayer(node) ? (biases.get(node.weight) ?? node.bias) : null;
      return { ...node, ...(name !== null && { name }), ...(isLayer(node) && { bias }) } as GraphNode;
    }),
  };
}

/** Names for nodes that others must take from by name from now on. */
class NodeNames {
  readonly #graph: Graph;
  readonly #given = new Map<number, string>();
  readonly #taken: Set<string>;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#taken = new Set([graph.input, ...graph.nodes].flatMap(({ name }) => name ?? []));
  }

  of(index: number): string {
    const own = index === inputIndex ? this.#graph.input.name : this.#graph.nodes[index]?.name;
    const known = own ?? this.#given.get(index);
    if (known !== undefined) return known;
    let name = `node${index}`;
    while (this.#taken.has(name)) name = `${name}_`;
    this.#taken.add(name);
    this.#given.set(index, name);
    return name;
  }

  /** A name that the node was given; null when it keeps what it has. */
  given(index: number): string | null {
    return this.#given.get(index) ?? null;
  }
}
