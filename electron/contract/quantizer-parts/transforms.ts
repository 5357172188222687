import type { Part } from './part.js';

/** What is done to a float network before its layers are quantized, and to what they are set. */
export const transformTable = {
  fold: {
    label: 'Batch-norm folding',
    formula: 'k = γ/√(σ² + ε), per output channel\nW ← k·W, b ← k·(b − μ) + β; the batch norm goes',
    source: 'Jacob et al. 2018, arXiv:1712.05877, §3.2',
    goodFor:
      'Networks that are quantized without training, and files for runtimes that have no batch norm: one layer computes both.',
    traps:
      'k differs from channel to channel and widens the range of a per-tensor scale: equalise after it, or take one scale per channel. It uses the running statistics, so a network that goes on training has no batch norm to help it.',
  },
  equalize: {
    label: 'Cross-layer equalisation',
    formula:
      'r₁ = max|W₁[i, ·]|, r₂ = max|W₂[·, i]|, s = √(r₁/r₂)\nW₁[i, ·] ← W₁[i, ·]/s, b₁[i] ← b₁[i]/s, W₂[·, i] ← W₂[·, i]·s\nin turn over a chain of layers until no range changes',
    source: 'Nagel et al. 2019, arXiv:1906.04721, §4.1',
    goodFor:
      'One scale per tensor at few bits, depthwise convolutions above all: every channel uses the grid.',
    traps:
      'Exact only where f(s·x) = s·f(x) for s > 0 lies between: ReLU, PReLU, pooling, flatten, nothing. It can widen the ranges of activations. One scale per channel has little to gain.',
  },
  biasCorrection: {
    label: 'Bias correction',
    formula: 'b ← b − (Ŵ − W)·x̄, x̄ the mean input',
    source: 'Nagel et al. 2019, arXiv:1906.04721, §4.2',
    goodFor:
      'Rounding that shifts the mean of an output: few bits, narrow layers. In the workbench an option of AdaRound and GPTQ.',
    traps:
      'Needs a bias in the network’s graph and inputs like those in use. Layers are corrected by themselves, each on the float inputs.',
  },
  allocate: {
    label: 'Bit allocation',
    formula:
      'min Σ_i Ω_i(b_i) subject to Σ_i c_i(b_i) ≤ budget\nΩ_i(b) = mean ‖Ŵx − Wx‖² = ½ Σ_rows d·H·dᵀ, or Σ(ŵ − w)² without inputs\nrelative: Ω_i(b)/mean ‖Wx‖²',
    source: 'Yao et al. 2021 (HAWQ-V3), arXiv:2011.10680',
    goodFor: 'A size to keep to: layers that bear it get few bits, those that do not get more.',
    traps:
      'Errors are added as if layers erred independently, and weights are rounded to nearest: training or another rounding may bear other bits. Absolute errors favour layers with large outputs, relative ones treat all alike.',
  },
} as const satisfies Record<string, Part>;
export type Transform = keyof typeof transformTable;
