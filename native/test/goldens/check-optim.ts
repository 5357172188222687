/** `optim/`: trajectories of the optimizers on given gradients. */
import type { NativeAddon } from '../../index.js';
import type { GoldenCase } from './golden-case.js';
import { elementwise, type Measurement } from './measure.js';

interface Hyper {
  lr: number;
  weight_decay: number;
  momentum?: number;
  nesterov?: boolean;
  dampening?: number;
  betas?: [number, number];
  eps?: number;
  amsgrad?: boolean;
  maximize?: boolean;
  fused?: boolean;
}

export async function checkOptimizer(addon: NativeAddon, golden: GoldenCase): Promise<Measurement[]> {
  const hyper = golden.scalar<Hyper>('hyper');
  if (hyper.dampening || hyper.amsgrad || hyper.maximize) {
    throw new Error('dampening, amsgrad and maximize are not part of the engine');
  }
  const trajectory = addon.ops.optimize(await golden.floats('init'), await golden.floats('grads'), {
    optimizer: optimizerOf(hyper),
    learningRate: hyper.lr,
    weightDecay: hyper.weight_decay,
    ...(hyper.momentum === undefined ? {} : { momentum: hyper.momentum }),
    ...(hyper.nesterov === undefined ? {} : { nesterov: hyper.nesterov }),
    ...(hyper.eps === undefined ? {} : { epsilon: hyper.eps }),
    ...(hyper.betas ? { beta1: hyper.betas[0], beta2: hyper.betas[1] } : {}),
  });
  return [elementwise('trajectory', trajectory, await golden.floats('trajectory'))];
}

/**
 * The case does not name its optimizer, but its hyper-parameters are PyTorch 1.13's defaults: SGD has no
 * `betas`, and of the two with them only Adam's has `fused`. Without weight decay the two are the same.
 */
function optimizerOf(hyper: Hyper): 'sgd' | 'adam' | 'adamw' {
  if (!hyper.betas) return 'sgd';
  return 'fused' in hyper ? 'adam' : 'adamw';
}
