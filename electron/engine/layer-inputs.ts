/** The inputs of a layer that rounding and layer-wise training look at. */
import { type Calibration, inputWidth, QatError } from '../contract/index.js';
import { inPieces } from './in-pieces.js';
import type { ModelLayer } from './model.js';

/** One row per sample: what each group of the layer's rows sees, `cols` wide, group after group. */
export interface LayerInputs {
  source: Calibration['kind'];
  /** [samples, groups · cols] */
  values: Float32Array;
  samples: number;
  cols: number;
  groups: number;
}

/** Of 32-bit floats: what is asked for must fit beside the layer. */
export const mostValues = 2 ** 28;

export function inputsOf(source: Calibration['kind'], layer: ModelLayer, values: Float32Array): LayerInputs {
  const { cols, input } = layer;
  return { source, values, samples: values.length / inputWidth(layer), cols, groups: input.groups };
}

/** @throws E-REQUEST-INVALID */
export function refuseTooMany(samples: number, width: number, what = 'inputs'): void {
  if (samples * width <= mostValues) return;
  throw new QatError(
    'E-REQUEST-INVALID',
    `${samples} samples of ${width} ${what} are more than ${mostValues} numbers.`,
    `Take at most ${Math.floor(mostValues / width)} samples.`,
  );
}

/** Samples `begin` to `end`; shares the memory. */
export function someSamples(inputs: LayerInputs, begin: number, end: number): LayerInputs {
  const width = inputs.cols * inputs.groups;
  return { ...inputs, values: inputs.values.subarray(begin * width, end * width), samples: end - begin };
}

/** What one group sees, [samples, cols]. @throws E-CANCELLED */
export async function inputsOfGroup(
  { values, samples, cols, groups }: LayerInputs,
  group: number,
  signal?: AbortSignal,
): Promise<Float32Array> {
  if (groups === 1) return values;
  const own = new Float32Array(samples * cols);
  await inPieces(own.length, signal, (begin, end) => {
    for (let at = begin; at < end; at += 1) {
      const sample = Math.floor(at / cols);
      own[at] = values[(sample * groups + group) * cols + (at - sample * cols)] ?? 0;
    }
  });
  return own;
}
