/** The inputs of a layer that rounding and layer training look at: captured, drawn, or from a file. */
import { extname } from 'node:path';
import type { NativeAddon } from '../../native/index.js';
import { type Calibration, type Distribution, type GraphNode, QatError } from '../contract/index.js';
import { openSafetensors, quoteName, readFloat32, readNpyMatrix } from '../formats/index.js';
import { checkGraph } from './graph-check.js';
import { inPieces } from './in-pieces.js';
import type { ModelLayer } from './model.js';
import { withCancel } from './native-call.js';
import { planNetwork } from './network-plan.js';
import { createModelNetwork } from './network-state.js';
import type { OpenProject } from './open-project.js';
import { patchesOf, patchShape } from './patches.js';

/** One row per sample, as wide as the layer's rows. */
export interface LayerInputs {
  values: Float32Array;
  samples: number;
  cols: number;
}

/** Of 32-bit floats: what is asked for must fit beside the layer. */
const mostValues = 2 ** 28;
/** Patches of a convolution: an image has as many as output positions. */
const mostPatches = 16_384;

/** @throws E-REQUEST-INVALID, E-TRAINING-UNAVAILABLE, E-LAYER-STATE, E-DATASET-MISMATCH, E-FILE-*, E-CANCELLED */
export async function layerInputs(
  addon: NativeAddon,
  project: OpenProject,
  layer: ModelLayer,
  calibration: Calibration,
  signal?: AbortSignal,
): Promise<LayerInputs> {
  switch (calibration.kind) {
    case 'captured':
      return capture(addon, project, layer, calibration.images, signal);
    case 'drawn':
      return draw(layer, calibration, signal);
    case 'file':
      return read(layer, calibration.path, signal);
  }
}

function refuseTooMany(samples: number, cols: number): void {
  if (samples * cols <= mostValues) return;
  throw new QatError(
    'E-REQUEST-INVALID',
    `${samples} samples of ${cols} inputs are more than ${mostValues} numbers.`,
    `Take at most ${Math.floor(mostValues / cols)} samples.`,
  );
}

/** Splitmix over 32-bit words, the same everywhere; two words give one number of [0, 1). */
function uniformSource(seed: number): () => number {
  let state = seed >>> 0;
  const word = () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  return () => (word() * 2 ** 21 + (word() >>> 11)) / 2 ** 53;
}

async function draw(
  layer: ModelLayer,
  { samples, distribution, seed }: Extract<Calibration, { kind: 'drawn' }>,
  signal?: AbortSignal,
): Promise<LayerInputs> {
  refuseTooMany(samples, layer.cols);
  const next = valueSource(distribution, uniformSource(seed));
  const values = new Float32Array(samples * layer.cols);
  await inPieces(values.length, signal, (begin, end) => {
    for (let at = begin; at < end; at += 1) values[at] = next();
  });
  return { values, samples, cols: layer.cols };
}

/** Box and Muller's transform for the normal distribution. */
function valueSource(distribution: Distribution, uniform: () => number): () => number {
  if (distribution.kind === 'uniform') {
    const { min, max } = distribution;
    return () => min + (max - min) * uniform();
  }
  const { mean, std } = distribution;
  return () => {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    return mean + std * radius * Math.cos(2 * Math.PI * uniform());
  };
}

async function read(layer: ModelLayer, path: string, signal?: AbortSignal): Promise<LayerInputs> {
  const { rows, cols, values } = await readMatrix(path, signal);
  if (cols !== layer.cols) {
    throw new QatError(
      'E-DATASET-MISMATCH',
      `${path} has ${cols} values per sample, layer ${layer.name} takes ${layer.cols}.`,
      'Choose the inputs of this layer: [samples, inputs per row of its weight].',
    );
  }
  refuseTooMany(rows, cols);
  await inPieces(values.length, signal, (begin, end) => {
    for (let at = begin; at < end; at += 1) if (!Number.isFinite(values[at])) throw notFinite(path, at);
  });
  return { values, samples: rows, cols };
}

function notFinite(path: string, element: number): QatError {
  return new QatError(
    'E-FILE-UNREADABLE',
    `${path} holds a value that is not finite, at element ${element}.`,
    'Save inputs without NaN and infinity.',
  );
}

async function readMatrix(path: string, signal?: AbortSignal) {
  if (extname(path).toLowerCase() === '.npy') return readNpyMatrix(path, { signal });
  const file = await openSafetensors(path, { signal });
  const [first, ...more] = [...file.tensors].filter(([, { shape }]) => shape.length === 2);
  if (!first || more.length > 0) {
    throw new QatError(
      'E-SAFETENSORS-SHAPE',
      `${path} holds ${more.length + (first ? 1 : 0)} matrices, not the one that would be the layer’s inputs.`,
      'Save a file with one tensor [samples, inputs].',
    );
  }
  const [name, { shape }] = first;
  const [rows = 0, cols = 0] = shape;
  if (rows === 0 || cols === 0) {
    throw new QatError(
      'E-SAFETENSORS-SHAPE',
      `${path}: tensor ${quoteName(name)} is empty.`,
      'Save at least one sample.',
    );
  }
  return { rows, cols, values: await readFloat32(file, name, { signal }) };
}

/** Through the float network, from the first images of the training set. */
async function capture(
  addon: NativeAddon,
  project: OpenProject,
  layer: ModelLayer,
  wanted: number,
  signal?: AbortSignal,
): Promise<LayerInputs> {
  const { graph } = project.model.content;
  const { dataset } = project;
  const index = graph?.nodes.findIndex((node) => weightOf(node) === layer.name) ?? -1;
  if (!graph || index < 0 || !dataset) {
    const reason = index < 0 && graph ? `${layer.name} is no part of the network.` : project.trainingReason;
    throw new QatError(
      'E-TRAINING-UNAVAILABLE',
      `The inputs of ${layer.name} cannot be captured. ${reason ?? 'There is no data set.'}`,
      'Open a data set that fits the model, choose a file of inputs, or draw them.',
    );
  }
  const images = Math.min(wanted, dataset.train.count);
  const plan = planNetwork(graph, project.model.shapes, {});
  const planned = plan.layers.find((candidate) => candidate.layer === layer.name);
  const node = graph.nodes[index];
  if (!planned || !node) throw new Error(`${layer.name} has no node.`);
  refuseGroups(layer, node);
  const entering = checkGraph(graph, project.model.shapes, (what) => {
    throw new Error(`The network graph ${what}`);
  });
  const shape = entering[index]?.[0] ?? [];
  refuseTooMany(
    images,
    shape.reduce((product, size) => product * size, 1),
  );
  const network = await createModelNetwork(addon, project.model, plan, signal);
  try {
    const values = await withCancel(addon, signal, (token) =>
      network.layerInputs(planned.node, dataset.train, images, token),
    );
    if (node.op !== 'conv2d') return { values, samples: values.length / layer.cols, cols: layer.cols };
    const [, height = 0, width = 0] = shape;
    const most = Math.min(mostPatches, Math.floor(mostValues / layer.cols));
    const patches = patchesOf(values, patchShape(node, layer.shape, [height, width]), most);
    return { ...patches, cols: layer.cols };
  } finally {
    network.dispose();
  }
}

function weightOf(node: GraphNode): string | null {
  return node.op === 'linear' || node.op === 'conv2d' ? node.weight : null;
}

/** Each group of a convolution has inputs of its own, and one matrix of inputs serves the whole weight here. */
function refuseGroups(layer: ModelLayer, node: GraphNode): void {
  if (node.op !== 'conv2d' || (node.groups ?? 1) === 1) return;
  throw new QatError(
    'E-LAYER-STATE',
    `${layer.name} is a convolution in ${node.groups} groups, each with inputs of its own.`,
    'Draw its inputs or choose a file of them, which then serve all groups, or round by Nearest or HQQ.',
  );
}
