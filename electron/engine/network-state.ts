/**
 * A network built from a model's graph, and its trained state as plain arrays: the float parameters under
 * the names of the model file's tensors, and the scales of every quantizer. What a run saves, what an
 * export packs and what charts of a run read are all this one thing.
 */
import type { LayerScales, NativeAddon, Network } from '../../native/index.js';
import { type Graph, QatError } from '../contract/index.js';
import { throwIfAborted } from './call-options.js';
import type { Model } from './model.js';
import type { NetworkPlan } from './network-plan.js';

export type { LayerScales } from '../../native/index.js';

export interface NetworkState {
  /** Tensor name of the model file → values. */
  parameters: Map<string, { shape: number[]; values: Float32Array }>;
  /** Layer (weight tensor) → scales; only layers whose weight or input is quantized. */
  scales: Map<string, LayerScales>;
}

export function isQuantized(plan: NetworkPlan['layers'][number]): boolean {
  return plan.config.weight.bits !== 32 || plan.config.activation.bits !== 32;
}

/** The trainable graph of a model. @throws E-TRAINING-UNAVAILABLE */
export function requireGraph(model: Model): Graph {
  if (model.content.graph) return model.content.graph;
  throw new QatError(
    'E-TRAINING-UNAVAILABLE',
    `${model.file.path} does not describe its network, so it cannot be trained.`,
    'Add the network graph to the file (see docs/file-formats.md), or analyse, quantize and export its layers.',
  );
}

/** Where the float tensors of a network come from, by their names in the model. */
export type FloatTensors = Pick<Model, 'withTensor'>;

/** The network of the plan with the model's float weights. The caller disposes it. */
export async function createModelNetwork(
  addon: NativeAddon,
  model: FloatTensors,
  plan: NetworkPlan,
  signal?: AbortSignal,
): Promise<Network> {
  const network = addon.createNetwork(plan.nodes);
  try {
    for (const { parameter, tensor, added } of plan.parameters) {
      throwIfAborted(signal);
      if (added) continue;
      await model.withTensor(tensor, async (values) => network.setParameter(parameter, values));
    }
  } catch (thrown) {
    network.dispose();
    throw thrown;
  }
  return network;
}

/** Copies everything trained out of a network whose training is not running. */
export function captureState(network: Network, plan: NetworkPlan): NetworkState {
  const state: NetworkState = { parameters: new Map(), scales: new Map() };
  for (const { parameter, tensor, shape } of plan.parameters) {
    const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
    network.getParameter(parameter, values);
    state.parameters.set(tensor, { shape, values });
  }
  for (const layer of plan.layers) {
    if (isQuantized(layer)) state.scales.set(layer.layer, network.scales(layer.node));
  }
  return state;
}

/** A network of the plan in the given state. The caller disposes it. */
export function createStateNetwork(addon: NativeAddon, plan: NetworkPlan, state: NetworkState): Network {
  const network = addon.createNetwork(plan.nodes);
  try {
    for (const { parameter, tensor } of plan.parameters) {
      const stored = state.parameters.get(tensor);
      if (!stored) throw missing(tensor);
      network.setParameter(parameter, stored.values);
    }
    for (const layer of plan.layers) {
      if (!isQuantized(layer)) continue;
      const scales = state.scales.get(layer.layer);
      if (!scales) throw missing(`the scales of ${layer.layer}`);
      network.setScales(layer.node, scales);
    }
  } catch (thrown) {
    network.dispose();
    throw thrown;
  }
  return network;
}

function missing(what: string): QatError {
  return new QatError(
    'E-PROJECT-DAMAGED',
    `The run's saved weights lack ${what}.`,
    'Delete the run and train it again.',
  );
}
