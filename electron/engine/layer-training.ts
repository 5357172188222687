/** *Train layer*: one layer trained by itself against its own float output on its inputs. */
import type { LayerScales, Network, SessionOptions, TrainingSession } from '../../native/index.js';
import type { LayerOutcome, LayerTraining } from '../contract/index.js';
import { asQatError, throwIfAborted } from './call-options.js';
import { inPieces } from './in-pieces.js';
import { type LayerInputs, refuseTooMany, someSamples } from './layer-inputs.js';
import { codesDigest, type LayerJob, packWeight, refuseFloat } from './layer-work.js';
import { withCancel } from './native-call.js';
import { inputsDataset, oneLayerNetwork, only, outputErrors } from './one-layer.js';
import { withOwned } from './owned.js';
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
 * @throws E-LAYER-STATE, E-REQUEST-INVALID, E-WEIGHT-NOT-FINITE, E-TRAINING-DIVERGED, E-CANCELLED
 */
export async function trainLayer(job: TrainingJob): Promise<MadeLayer> {
  const { addon, layer, config, inputs, signal } = job;
  refuseFloat(layer, config);
  // The engine holds what the layer should give for every sample.
  refuseTooMany(inputs.samples, layer.rows, 'outputs');
  const values = await job.project.model.valuesOf(layer.name);
  const activation = await layerActivation(job);
  return withOwned(async (own) => {
    const data = own(inputsDataset(addon, inputs));
    const few = own(inputsDataset(addon, someSamples(inputs, 0, Math.min(inputs.samples, evaluated))));
    const teacher = own(oneLayerNetwork(addon, layer, values));
    const quantizer = toNativeQuantizer(chosenCodes(config.weight));
    const student = own(oneLayerNetwork(addon, layer, values, quantizer, activation));
    const errorNow = async () => {
      const { power, errors } = await outputErrors(addon, signal, inputs, teacher, [student], layer.rows);
      return { power, error: errors[0] ?? 0 };
    };
    const samples = Math.min(calibrationSamples, data.count);
    await withCancel(addon, signal, (token) => student.prepare(data, samples, token));
    const { error: nearest, power } = await errorNow();
    const start = student.scales(only);
    const session = own(addon.createSession(student, data, few, sessionOptions(job.training), teacher));
    await runSession(job, session);
    const { error: trained } = await errorNow();
    const won = trained < nearest;
    const outcome: LayerOutcome = {
      by: 'training',
      measure: 'output',
      inputs: inputs.source,
      nearest,
      loss: won ? trained : nearest,
      power,
    };
    return won
      ? madeLayer(job, trainedWeight(job, student), student.scales(only), outcome)
      : madeLayer(job, values, start, outcome);
  });
}

/** `auto` as the network has it, so that the export's inputs are those trained with; else by the inputs' signs. */
async function layerActivation({ layer, config, inputs, signal }: TrainingJob) {
  if (layer.trainable) return toNativeActivation(config.activation, layer.input.nonNegative);
  const { values } = inputs;
  let negative = false;
  await inPieces(values.length, signal, (begin, end) => {
    negative ||= values.subarray(begin, end).some((x) => x < 0);
  });
  return toNativeActivation(config.activation, !negative);
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

/** Runs the session to its end. */
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
  // The size of drawn inputs is made up. Without a scale of its own an export takes one from the data set.
  const knowsInputs = job.inputs.source !== 'drawn' && config.activation.bits !== 32;
  return {
    record: {
      state: 'quantized',
      ...scales,
      codesSha256: codesDigest(weight.packed),
      ownWeight: true,
      ownBias: false,
      input: knowsInputs ? { scale, shift, quantizer } : null,
    },
    own: { values, rows: layer.rows, cols: layer.cols, bias: null, outcome },
  };
}
