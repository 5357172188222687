/**
 * Inputs of a layer as they reach it in the float network for the first images of the training set. Float, not
 * quantized: so they are the same whatever other layers are set to, and whatever was quantized before.
 */
import type { NativeAddon } from '../../native/index.js';
import { type Graph, QatError } from '../contract/index.js';
import type { OpenDataset } from './dataset.js';
import { checkGraph } from './graph-check.js';
import { isLayer, type LayerNode, refuseChecked } from './graph-wiring.js';
import { inputsOf, type LayerInputs, mostValues, refuseTooMany } from './layer-inputs.js';
import type { ModelLayer } from './model.js';
import { withCancel } from './native-call.js';
import { planNetwork } from './network-plan.js';
import { createModelNetwork } from './network-state.js';
import type { OpenProject } from './open-project.js';
import { patchesOf, patchShape } from './patches.js';

/** Patches of a convolution: an image has as many as output positions. */
const mostPatches = 16_384;

interface Source {
  graph: Graph;
  dataset: OpenDataset;
  /** The layer's place in the graph. */
  node: LayerNode;
  /** Of what enters it. */
  shape: readonly number[];
  images: number;
}

/** What is needed to capture. @throws E-TRAINING-UNAVAILABLE, E-REQUEST-INVALID */
export function captureSource(project: OpenProject, layer: ModelLayer, wanted: number): Source {
  const { graph } = project.model.content;
  const { dataset } = project;
  const index = graph?.nodes.findIndex((node) => isLayer(node) && node.weight === layer.name) ?? -1;
  const node = graph?.nodes[index];
  if (!graph || !dataset || !isLayer(node)) {
    throw cannotCapture(project, layer, index >= 0);
  }
  const images = Math.min(wanted, dataset.train.count);
  const [shape = []] = checkGraph(graph, project.model.shapes, refuseChecked)[index] ?? [];
  refuseTooMany(
    images,
    shape.reduce((product, size) => product * size, 1),
  );
  return { graph, dataset, node, shape, images };
}

/** Three reasons, of which a data set helps against one alone. */
function cannotCapture(
  { model, trainingReason }: OpenProject,
  layer: ModelLayer,
  inGraph: boolean,
): QatError {
  const { graph, graphError } = model.content;
  const others = 'choose a file of inputs, or draw them';
  const [reason, remedy] = !graph
    ? [
        graphError?.message ??
          'The file does not describe its network, so nothing says what reaches a layer.',
        `Choose a file of inputs, or draw them; docs/file-formats.md says how a file describes its network.`,
      ]
    : !inGraph
      ? [`It is no part of the network that the file describes.`, `For this layer ${others}.`]
      : [trainingReason ?? 'There is no data set.', `Open a data set that fits the model, ${others}.`];
  return new QatError(
    'E-TRAINING-UNAVAILABLE',
    `The inputs of ${layer.name} cannot be captured. ${reason}`,
    remedy,
  );
}

/** @throws as `captureSource`, E-CANCELLED */
export async function captureInputs(
  addon: NativeAddon,
  project: OpenProject,
  layer: ModelLayer,
  wanted: number,
  signal?: AbortSignal,
): Promise<LayerInputs> {
  const { graph, dataset, node, shape, images } = captureSource(project, layer, wanted);
  const plan = planNetwork(graph, project.model.shapes, {});
  const planned = plan.layers.find((candidate) => candidate.layer === layer.name);
  if (!planned) throw new Error(`${layer.name} has no node.`);
  const network = await createModelNetwork(addon, project.model, plan, signal);
  try {
    const values = await withCancel(addon, signal, (token) =>
      network.layerInputs(planned.node, dataset.train, images, token),
    );
    if (node.op === 'linear') return inputsOf('captured', layer, values);
    const [, height = 0, width = 0] = shape;
    const patch = patchShape(node, layer.shape, [height, width]);
    const most = Math.min(mostPatches, Math.floor(mostValues / (layer.cols * layer.input.groups)));
    return inputsOf('captured', layer, await patchesOf(values, patch, most, signal));
  } finally {
    network.dispose();
  }
}
