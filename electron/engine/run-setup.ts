/** From a configuration to a native session that is ready to start, fresh or from a checkpoint. */
import type { Dataset, Network, SessionOptions, TrainingSession } from '../../native/index.js';
import {
  bitsLabel,
  type Configuration,
  QatError,
  type RunSummary,
  stepsPerEpoch,
  type TrainingConfig,
} from '../contract/index.js';
import type { EngineContext } from './context.js';
import type { OpenDataset } from './dataset.js';
import { graphLayers } from './graph.js';
import { withCancel } from './native-call.js';
import { type NetworkPlan, planNetwork } from './network-plan.js';
import { createModelNetwork, type FloatTensors, requireGraph } from './network-state.js';
import type { OpenProject } from './open-project.js';

/** Training samples that set the activation scales, the first ones of the file. */
export const calibrationSamples = 512;

/** A network with its quantizers prepared, and a session on it that has not started. */
export interface ReadySession {
  plan: NetworkPlan;
  network: Network;
  session: TrainingSession;
}

export function requireDataset(project: OpenProject): OpenDataset {
  if (project.dataset) return project.dataset;
  throw new QatError(
    'E-TRAINING-UNAVAILABLE',
    project.trainingReason ?? 'The project has no data set.',
    'Open a data set (File > Open Data Set…) that fits the model.',
  );
}

/** What a run freezes: the configuration of exactly the layers it trains. */
export function trainedConfiguration(project: OpenProject): Configuration {
  const graph = requireGraph(project.model);
  return Object.fromEntries(graphLayers(graph).map((layer) => [layer, project.configOf(layer)]));
}

/** `W4A4` when all layers agree, else `mixed`; numbered when the name is taken. */
export function runName(configuration: Configuration, taken: ReadonlySet<string>): string {
  const labels = new Set(Object.values(configuration).map(bitsLabel));
  const [only] = labels;
  const base = labels.size === 1 && only !== undefined ? only : 'mixed';
  if (!taken.has(base)) return base;
  let number = 2;
  while (taken.has(`${base} ${number}`)) number += 1;
  return `${base} ${number}`;
}

/** The plan's network with the model's weights and prepared quantizers. The caller disposes it. */
export async function createPreparedNetwork(
  context: EngineContext,
  project: OpenProject,
  plan: NetworkPlan,
  calibration: Dataset,
  signal?: AbortSignal,
  weights: FloatTensors = project.model,
): Promise<Network> {
  for (const { config } of plan.layers) context.libraries.require(config.weight);
  const network = await createModelNetwork(context.addon, weights, plan, signal);
  try {
    await network.prepare(calibration, Math.min(calibrationSamples, calibration.count));
  } catch (thrown) {
    network.dispose();
    throw thrown;
  }
  return network;
}

/** @throws E-TRAINING-UNAVAILABLE, E-QUANTIZER-INVALID, E-WEIGHT-NOT-FINITE, E-CANCELLED */
export async function readySession(
  context: EngineContext,
  project: OpenProject,
  configuration: Configuration,
  training: TrainingConfig,
  signal?: AbortSignal,
): Promise<ReadySession> {
  const dataset = requireDataset(project);
  const plan = planNetwork(requireGraph(project.model), project.model.shapes, configuration);
  const network = await createPreparedNetwork(context, project, plan, dataset.train, signal);
  let teacher: Network | null = null;
  try {
    const { addon } = context;
    const options = sessionOptions(training, dataset.train.count, plan.layers.length);
    if (training.loss === 'distillation') teacher = await floatNetwork(context, project, signal);
    const session = addon.createSession(network, dataset.train, dataset.test, options, teacher);
    return { plan, network, session };
  } catch (thrown) {
    network.dispose();
    throw thrown;
  } finally {
    // The session keeps what it needs of the teacher.
    teacher?.dispose();
  }
}

/** The model as it was opened, without a quantizer. The caller disposes it. */
async function floatNetwork(
  context: EngineContext,
  project: OpenProject,
  signal?: AbortSignal,
): Promise<Network> {
  const plan = planNetwork(requireGraph(project.model), project.model.shapes, {});
  return createModelNetwork(context.addon, project.model, plan, signal);
}

/** Layer records in a run's series at most: about 150 MB. */
const recordedRows = 1_000_000;

/** The settings as the engine takes them: it counts steps, not epochs. */
export function sessionOptions(training: TrainingConfig, images: number, layers: number): SessionOptions {
  const { warmupEpochs, quantizeFromEpoch, freezeNormFromEpoch, ...rest } = training;
  const { nesterov, beta2, gradientBits, freezeThresholdEnd, diagnosticsEvery, ...same } = rest;
  const perEpoch = stepsPerEpoch(training, images);
  const steps = (epochs: number) => Math.round(epochs * perEpoch);
  // A batch of one, which batch norm cannot take, may be left out of every epoch.
  const fewest = (images % training.batchSize === 1 ? perEpoch - 1 : perEpoch) * training.epochs;
  const thinnest = Math.ceil((perEpoch * training.epochs * layers) / recordedRows);
  return {
    ...same,
    nesterov: nesterov && training.optimizer === 'sgd' && training.momentum > 0,
    ...(beta2 !== null && { beta2 }),
    warmupSteps: steps(warmupEpochs),
    ...(gradientBits !== null && { gradientBits }),
    ...(freezeThresholdEnd !== null && { freezeThresholdEnd }),
    // At the latest the last step: a training that never quantized would end with the scales it began with.
    quantizeFromStep: Math.max(0, Math.min(steps(quantizeFromEpoch), fewest - 1)),
    ...(freezeNormFromEpoch !== null && { freezeNormFromStep: steps(freezeNormFromEpoch) }),
    diagnosticsEvery: diagnosticsEvery === 0 ? 0 : Math.max(diagnosticsEvery, thinnest),
  };
}

/** Accuracy of the float model on the test images, 0–1. */
export async function measureFloatAccuracy(
  context: EngineContext,
  project: OpenProject,
  signal?: AbortSignal,
): Promise<number> {
  const dataset = requireDataset(project);
  const network = await floatNetwork(context, project, signal);
  try {
    const result = await withCancel(context.addon, signal, (token) =>
      network.evaluate(dataset.test, 'fakeQuant', token),
    );
    return result.accuracy;
  } finally {
    network.dispose();
  }
}

export function newRunId(now: Date, random: string): RunSummary['id'] {
  return `run-${now.getTime().toString(36)}-${random}`;
}
