/** The graph against the file's tensors: each node's tensors exist, are used once, and fit what enters the node. */
import type { Graph, GraphNode } from '../contract/index.js';
import { inputIndex, type Refuse, wireGraph } from './graph-wiring.js';

/** What the checks need to know of a tensor. */
export interface TensorShape {
  shape: readonly number[];
  isFloat: boolean;
}

/** [features], [tokens, features] or [channels, height, width]. */
type Shape = readonly number[];

const sizeOf = (shape: Shape) => shape.reduce((product, extent) => product * extent, 1);
const textOf = (shape: readonly (number | null)[]) =>
  `[${shape.map((extent) => extent ?? 'any').join(', ')}]`;

/** One node being checked. */
interface Visit {
  index: number;
  inputs: readonly Shape[];
  refuse: Refuse;
  /** The tensor's shape; refuses what is missing, used twice, not float, or of another shape (null: any extent). */
  expect(name: string, shape: readonly (number | null)[]): Shape;
}

/** For each node the shapes of what enters it, once all of it fits. */
export function checkGraph(
  graph: Graph,
  tensors: ReadonlyMap<string, TensorShape>,
  refuse: Refuse,
): (readonly Shape[])[] {
  const { features, shape: inputShape = [features] } = graph.input;
  if (sizeOf(inputShape) !== features) {
    refuse(`states an input of shape ${textOf(inputShape)} and ${features} features.`);
  }
  if (graph.nodes[0]?.op === 'relu') refuse('begins with a ReLU.');
  const expect = tensorCheck(tensors, refuse);
  const outputs: Shape[] = [];
  const entering: (readonly Shape[])[] = [];
  wireGraph(graph, refuse).forEach((sources, index) => {
    const node = graph.nodes[index];
    if (!node) return;
    const inputs = sources.map((source) =>
      source === inputIndex ? inputShape : (outputs[source] ?? inputShape),
    );
    entering.push(inputs);
    const visit: Visit = {
      index,
      inputs,
      refuse,
      expect: (name, shape) => expect(name, shape, index),
    };
    outputs.push(outputShape(node, visit));
  });
  const last = outputs.at(-1) ?? [];
  if (last.length === 1 && last[0] === graph.classes) return entering;
  if (last.length === 1) refuse(`ends with ${last[0]} outputs but states ${graph.classes} classes.`);
  return refuse(
    `ends with ${textOf(last)}, not with one output per class: flatten it before the last layer.`,
  );
}

function tensorCheck(tensors: ReadonlyMap<string, TensorShape>, refuse: Refuse) {
  const used = new Set<string>();
  return (name: string, shape: readonly (number | null)[], node: number): Shape => {
    const at = `node ${node}: `;
    const tensor = tensors.get(name);
    if (!tensor) return refuse(`names a tensor that is not in the file: ${at}${name}.`);
    if (!tensor.isFloat) refuse(`uses a tensor that is not floating point: ${at}${name}.`);
    if (used.has(name)) refuse(`uses a tensor twice, which is not supported: ${at}${name}.`);
    used.add(name);
    const fits =
      tensor.shape.length === shape.length &&
      shape.every((extent, axis) => extent === null || extent === tensor.shape[axis]);
    if (!fits) refuse(`does not fit: ${at}${name} is ${textOf(tensor.shape)}, not ${textOf(shape)}.`);
    return tensor.shape;
  };
}

function outputShape(node: GraphNode, visit: Visit): Shape {
  const [input = []] = visit.inputs;
  switch (node.op) {
    case 'linear':
      return linearShape(node, input, visit);
    case 'conv2d':
      return convShape(node, input, visit);
    case 'batchNorm':
      requireRank(visit, node.op, input, [1, 3]);
      for (const name of [node.gamma, node.beta, node.runningMean, node.runningVar]) {
        visit.expect(name, input.slice(0, 1));
      }
      return input;
    case 'layerNorm':
      requireRank(visit, node.op, input, [1, 2]);
      for (const name of [node.gamma, node.beta]) visit.expect(name, input.slice(-1));
      return input;
    case 'prelu':
      requireRank(visit, node.op, input, [1, 3]);
      visit.expect(node.slope, input.slice(0, 1));
      return input;
    case 'maxPool2d':
    case 'avgPool2d':
      return poolShape(node, input, visit);
    case 'flatten':
      return [sizeOf(input)];
    case 'add':
      return sumShape(visit);
    case 'attention':
      return attentionShape(node.heads, visit);
    case 'matmul':
      return productShape(node.transposed ?? false, visit);
    case 'relu':
    case 'gelu':
    case 'dropout':
      return input;
  }
}

function requireRank({ index, refuse }: Visit, op: string, shape: Shape, ranks: readonly number[]): void {
  if (ranks.includes(shape.length)) return;
  const kinds = ['', 'features', 'tokens × features', 'channels × height × width'];
  const wanted = ranks.map((rank) => kinds[rank]).join(' or ');
  refuse(`does not fit: node ${index}, ${op}, takes ${wanted} and gets ${textOf(shape)}.`);
}

type Layer<Op> = Extract<GraphNode, { op: Op }>;

function linearShape(node: Layer<'linear'>, input: Shape, visit: Visit): Shape {
  requireRank(visit, node.op, input, [1, 2]);
  const [outputs = 0] = visit.expect(node.weight, [null, input.at(-1) ?? 0]);
  checkOutputs(outputs, node.bias, visit);
  if (node.inputShift !== undefined) visit.expect(node.inputShift, input.slice(-1));
  return [...input.slice(0, -1), outputs];
}

function checkOutputs(outputs: number, bias: string | null, { index, refuse, expect }: Visit): void {
  if (outputs < 1) refuse(`has a layer without outputs: node ${index}.`);
  if (bias !== null) expect(bias, [outputs]);
}

function convShape(node: Layer<'conv2d'>, input: Shape, visit: Visit): Shape {
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = node;
  requireRank(visit, node.op, input, [3]);
  const [channels = 0, ...sides] = input;
  if (channels % groups !== 0) {
    visit.refuse(`does not fit: node ${visit.index} divides ${channels} channels into ${groups} groups.`);
  }
  const [outputs = 0, , ...kernel] = visit.expect(node.weight, [null, channels / groups, null, null]);
  checkOutputs(outputs, node.bias, visit);
  if (node.inputShift !== undefined) visit.expect(node.inputShift, [channels]);
  if (outputs % groups !== 0) {
    visit.refuse(`does not fit: node ${visit.index} divides ${outputs} outputs into ${groups} groups.`);
  }
  const reach = kernel.map((extent) => (extent < 1 ? Number.POSITIVE_INFINITY : dilation * (extent - 1) + 1));
  return [outputs, ...windows(sides, reach, stride, padding, visit)];
}

function poolShape(node: Layer<'maxPool2d' | 'avgPool2d'>, input: Shape, visit: Visit): Shape {
  const { kernel, stride = kernel } = node;
  requireRank(visit, node.op, input, [3]);
  return [...input.slice(0, 1), ...windows(input.slice(1), [kernel, kernel], stride, 0, visit)];
}

/** How many windows of `reach` fit each side. */
function windows(sides: Shape, reach: Shape, stride: number, padding: number, visit: Visit): Shape {
  return sides.map((side, axis) => {
    const room = side + 2 * padding - (reach[axis] ?? 1);
    if (!(room >= 0)) {
      visit.refuse(
        `does not fit: the window of node ${visit.index} is larger than its input of ${textOf(sides)}.`,
      );
    }
    return Math.floor(room / stride) + 1;
  });
}

function sumShape({ index, inputs, refuse }: Visit): Shape {
  const [a = [], b = []] = inputs;
  if (textOf(a) !== textOf(b)) refuse(`does not fit: node ${index} adds ${textOf(a)} and ${textOf(b)}.`);
  return a;
}

function productShape(transposed: boolean, visit: Visit): Shape {
  const { index, inputs, refuse } = visit;
  for (const input of inputs) requireRank(visit, 'matmul', input, [2]);
  const [a = [], b = []] = inputs;
  const [rows = 0, inner] = a;
  const [columns = 0, depth] = transposed ? b : [b[1], b[0]];
  if (inner !== depth) {
    const turned = transposed ? ' transposed' : '';
    refuse(`does not fit: node ${index} multiplies ${textOf(a)} by ${textOf(b)}${turned}.`);
  }
  return [rows, columns];
}

function attentionShape(heads: number, visit: Visit): Shape {
  const { index, inputs, refuse } = visit;
  for (const input of inputs) requireRank(visit, 'attention', input, [2]);
  const [queries = [], keys = [], values = []] = inputs;
  const [, features = 0] = queries;
  if (textOf(keys) !== textOf(values) || keys[1] !== features) {
    const given = `queries ${textOf(queries)}, keys ${textOf(keys)} and values ${textOf(values)}`;
    refuse(`does not fit: node ${index} has ${given}.`);
  }
  if (features % heads !== 0) {
    refuse(`does not fit: node ${index} divides ${features} features among ${heads} heads.`);
  }
  return queries;
}
