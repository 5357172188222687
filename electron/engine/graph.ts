/**
 * The network graph of a model file: read from `__metadata__['qat.graph']` and checked against the file's
 * tensors. A graph that does not fit is refused whole: its model opens without one.
 */
import { type Graph, graphNodeSchema, graphSchema, QatError } from '../contract/index.js';
import { checkGraph, type TensorShape } from './graph-check.js';
import { isLayer } from './graph-wiring.js';

export const graphMetadataKey = 'qat.graph';

export type { TensorShape } from './graph-check.js';

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
  checkGraph(parsed.data, tensors, (what) => {
    throw graphError(file, what);
  });
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

/** Weight tensors of the graph's linear and convolution nodes, in order. */
export function graphLayers(graph: Graph): string[] {
  return graph.nodes.flatMap((node) => (isLayer(node) ? [node.weight] : []));
}

/** `fc1.weight` → `fc1`; other names stay whole. */
export function baseName(layer: string): string {
  return layer.endsWith('.weight') && layer.length > '.weight'.length ? layer.slice(0, -7) : layer;
}

/** The bias tensor of a layer of the graph; null when it has none. */
export function biasOf(graph: Graph, layer: string): string | null {
  for (const node of graph.nodes) {
    if (isLayer(node) && node.weight === layer) return node.bias;
  }
  return null;
}
