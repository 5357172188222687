/** Which checker a case belongs to, decided by its folder and the tensors it holds. */
import type { NativeAddon } from '../../index.js';
import { checkLinear } from './check-linear.js';
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

interface Uncovered {
  folder: string;
  keys: readonly string[];
  reason: string;
}

const checkers: readonly Checker[] = [
  { folder: 'fake_quant', keys: ['x', 'dy', 'y', 'dx'], check: checkFakeQuant },
  { folder: 'lsq', keys: ['x', 'dy', 'scale', 'y', 'dx', 'dscale'], check: checkLsq },
  { folder: 'linear', keys: ['x', 'w', 'y', 'dy', 'dx', 'dw'], check: checkLinear },
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

/** Parts that are not built yet. A case that fits neither table fails: nothing is passed over in silence. */
const uncovered: readonly Uncovered[] = [
  { folder: 'conv2d', keys: ['x', 'w'], reason: 'the engine has no convolution' },
];

export type Choice = { check: Checker['check'] } | { uncovered: string } | { unknown: true };

export function chooseChecker(golden: GoldenCase): Choice {
  const fits = (entry: { folder: string; keys: readonly string[]; about?: RegExp }) =>
    entry.folder === golden.folder && golden.has(...entry.keys) && (entry.about?.test(golden.about) ?? true);
  const checker = checkers.find(fits);
  if (checker) return { check: checker.check };
  const missing = uncovered.find(fits);
  return missing ? { uncovered: missing.reason } : { unknown: true };
}
