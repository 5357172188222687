/** What a finished run amounts to: its accuracies and the size of its packed weights. */
import type { Network } from '../../native/index.js';
import type { RunResult } from '../contract/index.js';
import type { NetworkPlan } from './network-plan.js';
import { decodingBytes } from './scale-arrays.js';

export interface StoredSize {
  /** Bits per weight over all layers: codes with row padding, scales of either sign, zero points; 32 for float. */
  effectiveBits: number;
  packedBytes: number;
  floatBytes: number;
}

/** Sizes of the layers' weights as an export stores them (biases and norms left out). */
export function storedSize(network: Network, plan: NetworkPlan): StoredSize {
  let packedBytes = 0;
  let weights = 0;
  for (const layer of plan.layers) {
    const count = layer.rows * layer.cols;
    weights += count;
    if (layer.config.weight.bits === 32) {
      packedBytes += count * 4;
      continue;
    }
    const weight = network.quantizedWeight(layer.node);
    packedBytes += weight.packed.byteLength + decodingBytes(weight);
  }
  return { effectiveBits: (packedBytes * 8) / weights, packedBytes, floatBytes: weights * 4 };
}

export function runResult(
  accuracies: Pick<RunResult, 'floatAccuracy' | 'accuracyBefore' | 'accuracyAfter' | 'lossAfter'>,
  size: StoredSize,
  trainedMs: number,
): RunResult {
  return { ...accuracies, ...size, seconds: trainedMs / 1000 };
}
