/** *Train layer*: one layer trained by itself against its own float output on its inputs. */
import type { LayerScales, Network, SessionOptions, TrainingSession } from '../../native/index.js';
import { type LayerOutcome, type LayerTraining, QatError } from '../contract/index.js';
import type { LayerInputs } from './calibration.js';
import { asQatError, throwIfAborted } from './call-options.js';
import { codesDigest, type LayerJob, packWeight, refuseFloat } from './layer-work.js';
import { withCancel } from './native-call.js';
import { planNetwork } from './network-plan.js';
import { inputsDataset, meanSquare, oneLayerNetwork, only, outputs } from './one-layer.js';
import { activationText, chosenCodes, toNativeActivation, toNativeQuantizer } from './quantizers.js';
import type { MadeLayer } from './rounding.js';
import { calibrationSamples } from './run-setup.js';

const drainMs = 100;
/** Samples on which the engine's own evaluation after each epoch is made; the figures kept are of all. */
const evaluated = 256;

export interface TrainingJob extends LayerJob {
  inputs: LayerInputs;
  training: LayerTraining;
  onProgress: (fraction: number, loss: number | null) => void;
}

/**
 * The layer as trained, with its learned scales, or as rounded to nearest where that loses no more (at low bits weights
 * may end on the wrong side of a step); cancelled, nothing is kept.
 * @throws E-LAYER-STATE, E-WEIGHT-NOT-FINITE, E-TRAINING-DIVERGED, E-CANCELLED
 */
export async function trainLayer(job: TrainingJob): Promise<MadeLayer> {
  const { addon, layer, config, inputs, signal } = job;
  refuseFloat(layer, config);
  if (layer.rows < 2) {
    throw new QatError(
      'E-LAYER-STATE',
      `${layer.name} has one output only.`,
      'Use a rounding for it instead.',
    );
  }
  const values = await job.project.model.valuesOf(layer.name);
  const data = inputsDataset(addon, inputs);
  const teacher = oneLayerNetwork(addon, layer, values);
  const quantizer = toNativeQuantizer(chosenCodes(config.weight));
  const student = oneLayerNetwork(addon, layer, values, quantizer, layerActivation(job));
  const few = inputsDataset(addon, firstSamples(inputs, evaluated));
  try {
    const samples = Math.min(calibrationSamples, data.count);
    await withCancel(addon, signal, (token) => student.prepare(data, samples, token));
    const y = await outputs(addon, signal, teacher, data);
    const nearest = await meanSquare(addon, signal, student, data, y);
    const start = student.scales(only);
    const session = addon.createSession(student, data, few, sessionOptions(job.training), teacher);
    await runSession(job, session);
    const trained = await meanSquare(addon, signal, student, data, y);
    const power = await meanSquare(addon, signal, teacher, data);
    throwIfAborted(signal);
    const won = trained < nearest;
    const outcome: LayerOutcome = {
      by: 'training',
      measure: 'output',
      nearest,
      loss: won ? trained : nearest,
      power,
    };
    return won
      ? await madeLayer(job, trainedWeight(job, student), student.scales(only), outcome)
      : await madeLayer(job, values, start, outcome);
  } finally {
    for (const part of [data, few, teacher, student]) part.dispose();
  }
}

function firstSamples({ values, samples, cols }: LayerInputs, most: number): LayerInputs {
  const kept = Math.min(samples, most);
  return { values: values.subarray(0, kept * cols), samples: kept, cols };
}

/** `auto` as the network has it, so that the export's inputs are those trained with; else by the inputs' signs. */
function layerActivation({ project, layer, config, inputs }: TrainingJob) {
  const { graph } = project.model.content;
  const configuration = { [layer.name]: config };
  const planned = graph && planNetwork(graph, project.model.shapes, configuration).layers;
  const inNetwork = planned?.find((candidate) => candidate.layer === layer.name);
  return (
    inNetwork?.activation ??
    toNativeActivation(
      config.activation,
      inputs.values.every((x) => x >= 0),
    )
  );
}

function sessionOptions(training: LayerTraining): SessionOptions {
  return {
    ...training,
    loss: 'teacherMse',
    momentum: training.optimizer === 'sgd' ? 0.9 : 0,
    weightDecay: 0,
    schedule: 'cosine',
  };
}

/** Runs the session to its end. Disposes it. */
async function runSession(job: TrainingJob, session: TrainingSession): Promise<void> {
  const stop = () => session.cancel();
  job.signal?.addEventListener('abort', stop, { once: true });
  const drain = () => {
    const { step, stepsTotal, steps, error } = session.drain();
    job.onProgress(step / Math.max(1, stepsTotal), steps.at(-1)?.loss ?? null);
    return error;
  };
  const timer = setInterval(drain, drainMs);
  try {
    throwIfAborted(job.signal);
    session.start();
    const state = await session.done;
    throwIfAborted(job.signal);
    const error = drain();
    if (error) throw asQatError(Object.assign(new Error(error.message), error));
    if (state !== 'finished') throw new Error(`The training of ${job.layer.name} ended as ${state}.`);
  } finally {
    clearInterval(timer);
    job.signal?.removeEventListener('abort', stop);
    session.dispose();
  }
}

function trainedWeight({ layer }: LayerJob, student: Network): Float32Array {
  const values = new Float32Array(layer.rows * layer.cols);
  student.getParameter(`${only}.weight`, values);
  return values;
}

async function madeLayer(
  job: TrainingJob,
  values: Float32Array,
  { activationScale: scale, activationShift: shift, ...learned }: LayerScales,
  outcome: LayerOutcome,
): Promise<MadeLayer> {
  const { layer, config } = job;
  const { weight, scales } = await packWeight(job, values, learned);
  const quantizer = activationText(config.activation);
  return {
    record: {
      state: 'quantized',
      ...scales,
      codesSha256: codesDigest(weight.packed),
      ownWeight: true,
      ownBias: false,
      input: config.activation.bits === 32 ? null : { scale, shift, quantizer },
    },
    own: { values, rows: layer.rows, cols: layer.cols, bias: null, outcome },
  };
}
