/** One layer by itself, as a matrix: what its weight and its input quantizer make of given inputs. */
import type {
  Dataset,
  NativeActivationQuantizer,
  NativeAddon,
  NativeQuantizer,
  Network,
} from '../../native/index.js';
import type { LayerInputs } from './calibration.js';
import { inPieces } from './in-pieces.js';
import type { ModelLayer } from './model.js';
import { withCancel } from './native-call.js';
import { floatLayerConfig } from './network-plan.js';
import { toNativeActivation, toNativeQuantizer } from './quantizers.js';

/** The name of the layer in its network. */
export const only = 'layer';

export const floatWeight = toNativeQuantizer(floatLayerConfig.weight);
export const floatInput = toNativeActivation(floatLayerConfig.activation, false);

/**
 * y = x̂·ŵᵀ, with `bias` on top; one that is in both of two outputs changes no error. A convolution is the product of
 * its weight's matrix with the patches of the image. The caller disposes it.
 */
export function oneLayerNetwork(
  addon: NativeAddon,
  { rows, cols }: Pick<ModelLayer, 'rows' | 'cols'>,
  values: Float32Array,
  weight: NativeQuantizer = floatWeight,
  activation: NativeActivationQuantizer = floatInput,
  bias: Float32Array | null = null,
): Network {
  const node = {
    op: 'linear',
    name: only,
    bias: bias !== null,
    inChannels: cols,
    outChannels: rows,
  } as const;
  const network = addon.createNetwork([{ ...node, weight, activation }]);
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
export function inputsDataset(addon: NativeAddon, { values, samples, cols }: LayerInputs): Dataset {
  const shape = { count: samples, features: cols, classes: 2 };
  return addon.createDatasetFromFloats(values, new Uint8Array(samples), shape);
}

/** Mean over the samples of ‖y‖², or of ‖y − other‖². Sums in the order of the samples. */
export async function meanSquare(
  addon: NativeAddon,
  signal: AbortSignal | undefined,
  network: Network,
  data: Dataset,
  other?: Float32Array,
): Promise<number> {
  const y = await outputs(addon, signal, network, data);
  let sum = 0;
  await inPieces(y.length, signal, (begin, end) => {
    for (let at = begin; at < end; at += 1) sum += ((y[at] ?? 0) - (other?.[at] ?? 0)) ** 2;
  });
  return sum / data.count;
}

export function outputs(
  addon: NativeAddon,
  signal: AbortSignal | undefined,
  network: Network,
  data: Dataset,
): Promise<Float32Array> {
  return withCancel(addon, signal, (token) => network.logits(data, 'fakeQuant', token));
}
