/** Which checker a case belongs to, decided by its folder and the tensors it holds. */
import type { NativeAddon } from '../../index.js';
import { checkLayer } from './check-layer.js';
import {
  checkAttention,
  checkBatchNorm,
  checkCrossEntropy,
  checkGelu,
  checkLayerNorm,
  checkMaxPool2d,
} from './check-nn.js';
import { checkOptimizer } from './check-optim.js';
import { checkFakeQuant, checkLsq } from './check-quantizers.js';
import { checkStats } from './check-stats.js';
import { checkTraining } from './check-train.js';
import type { GoldenCase } from './golden-case.js';
import type { Measurement } from './measure.js';

interface Checker {
  folder: string;
  /** Tensors a case must hold to be checked so. */
  keys: readonly string[];
  /** Words of its description, where the tensors alone do not tell. */
  about?: RegExp;
  check: (addon: NativeAddon, golden: GoldenCase) => Promise<Measurement[]>;
}

const checkers: readonly Checker[] = [
  { folder: 'fake_quant', keys: ['x', 'dy', 'y', 'dx'], check: checkFakeQuant },
  { folder: 'lsq', keys: ['x', 'dy', 'scale', 'y', 'dx', 'dscale'], check: checkLsq },
  { folder: 'linear', keys: ['x', 'w', 'y', 'dy', 'dx', 'dw'], check: checkLayer },
  { folder: 'conv2d', keys: ['x', 'w', 'y', 'dy', 'dx', 'dw'], check: checkLayer },
  { folder: 'train', keys: ['x', 'labels', 'losses', 'logits_final'], check: checkTraining },
  { folder: 'stats', keys: ['w', 'counts', 'edges'], check: checkStats },
  { folder: 'optim', keys: ['init', 'grads', 'trajectory'], check: checkOptimizer },
  { folder: 'nn', keys: ['x', 'labels', 'loss', 'dx'], check: checkCrossEntropy },
  { folder: 'nn', keys: ['x', 'gamma', 'running_mean', 'running_var'], check: checkBatchNorm },
  { folder: 'nn', keys: ['x', 'gamma', 'beta', 'y', 'dx'], check: checkLayerNorm },
  { folder: 'nn', keys: ['q', 'k', 'v', 'y', 'dq'], check: checkAttention },
  { folder: 'nn', keys: ['x', 'y', 'dy', 'dx'], about: /max pooling/, check: checkMaxPool2d },
  { folder: 'nn', keys: ['x', 'y', 'dy', 'dx'], about: /GELU/, check: checkGelu },
];

/** Null for a case nobody knows: it fails, nothing is passed over in silence. */
export function chooseChecker(golden: GoldenCase): Checker['check'] | null {
  const fits = (entry: Checker) =>
    entry.folder === golden.folder && golden.has(...entry.keys) && (entry.about?.test(golden.about) ?? true);
  return checkers.find(fits)?.check ?? null;
}
