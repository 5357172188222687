/** One layer by itself, as a matrix: what its weight and its input quantizer make of given inputs. */
import type {
  Dataset,
  NativeActivationQuantizer,
  NativeAddon,
  NativeQuantizer,
  Network,
  NetworkNode,
} from '../../native/index.js';
import { inPieces, pieceSize } from './in-pieces.js';
import { type LayerInputs, someSamples } from './layer-inputs.js';
import type { ModelLayer } from './model.js';
import { withCancel } from './native-call.js';
import { floatLayerConfig } from './network-plan.js';
import { withOwned } from './owned.js';
import { toNativeActivation, toNativeQuantizer } from './quantizers.js';

/** The name of the layer in its network. */
export const only = 'layer';

export const floatWeight = toNativeQuantizer(floatLayerConfig.weight);
export const floatInput = toNativeActivation(floatLayerConfig.activation, false);

/**
 * y = x̂·ŵᵀ, with `bias` on top; one that is in both of two outputs changes no error. A convolution is the product of
 * its weight's matrix with the patches of the image; in groups, that of each group's rows with the group's share of a
 * patch, which is a grouped convolution of an image of one pixel. The caller disposes it.
 */
export function oneLayerNetwork(
  addon: NativeAddon,
  { rows, cols, input: { groups } }: ModelLayer,
  values: Float32Array,
  weight: NativeQuantizer = floatWeight,
  activation: NativeActivationQuantizer = floatInput,
  bias: Float32Array | null = null,
): Network {
  const common = { name: only, bias: bias !== null, outChannels: rows, weight, activation } as const;
  const inChannels = cols * groups;
  const nodes: NetworkNode[] =
    groups === 1
      ? [{ op: 'linear', ...common, inChannels }]
      : [
          { op: 'input', shape: [inChannels, 1, 1] },
          { op: 'conv2d', ...common, inChannels, kernel: 1, groups },
          { op: 'flatten' },
        ];
  const network = addon.createNetwork(nodes);
  try {
    network.setParameter(`${only}.weight`, values);
    if (bias) network.setParameter(`${only}.bias`, bias);
    return network;
  } catch (thrown) {
    network.dispose();
    throw thrown;
  }
}

/** The inputs as the engine trains on them; labels take no part. The caller disposes it. */
export function inputsDataset(addon: NativeAddon, { values, samples, cols, groups }: LayerInputs): Dataset {
  const shape = { count: samples, features: cols * groups, classes: 1 };
  return addon.createDatasetFromFloats(values, new Uint8Array(samples), shape);
}

export interface OutputErrors {
  /** Mean over the samples of ‖y‖², y what the exact layer gives. */
  power: number;
  /** Of ‖ŷ − y‖², for each of the other layers. */
  errors: number[];
}

/**
 * Sums in the order of the samples. Outputs are made for a few samples at a time: those of all may be many times the
 * inputs. @throws E-CANCELLED
 */
export async function outputErrors(
  addon: NativeAddon,
  signal: AbortSignal | undefined,
  inputs: LayerInputs,
  exact: Network,
  others: readonly Network[],
  rows: number,
): Promise<OutputErrors> {
  let power = 0;
  const errors = others.map(() => 0);
  const few = Math.max(1, Math.floor(pieceSize / Math.max(rows, inputs.cols * inputs.groups)));
  const add = (begin: number, end: number) =>
    withOwned(async (own) => {
      const data = own(inputsDataset(addon, someSamples(inputs, begin, end)));
      const outputs = (network: Network) =>
        withCancel(addon, signal, (token) => network.logits(data, 'fakeQuant', token));
      const y = await outputs(exact);
      for (const value of y) power += value * value;
      for (const [index, other] of others.entries()) {
        const made = await outputs(other);
        let sum = errors[index] ?? 0;
        for (let at = 0; at < y.length; at += 1) sum += ((made[at] ?? 0) - (y[at] ?? 0)) ** 2;
        errors[index] = sum;
      }
    });
  await inPieces(inputs.samples, signal, add, few);
  const mean = (sum: number) => sum / inputs.samples;
  return { power: mean(power), errors: errors.map(mean) };
}
