/** The optimizers of a training, and what the workbench and its documentation say about each. */
import { idsOf, type Part } from './quantizer-parts/part.js';

export interface OptimizerPart extends Part {
  /**
   * The rate the window sets with it. Measured on the sample model, trained on 10 000 of its images and judged on 2 000 held
   * back: W2A4 (Diode: W1), cosine, two epochs, three seeds; AdamW's is the training default.
   */
  learningRate: number;
  /**
   * The same for the training of one layer, whose error falls by more and larger steps: of five-fold rates the one that
   * lost least in the sample's three layers at W2A4, W4 and W1, eight epochs of 1 024 captured images.
   */
  layerRate: number;
  /** Its own β₂ in the engine; null: it has none. */
  beta2: number | null;
}

export const optimizerTable = {
  adamw: {
    label: 'AdamW',
    formula:
      'm ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²\np ← p·(1 − ηλ) − η·m̂/(√v̂ + ε), m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ)',
    source: 'Loshchilov & Hutter 2019, arXiv:1711.05101',
    goodFor: 'The default: one rate serves weights and learned scales of every size.',
    traps: 'Learned scales decay like weights. β₁ = 0.9, ε = 1e−8. Two numbers are kept for every weight.',
    learningRate: 0.0002,
    layerRate: 0.001,
    beta2: 0.999,
  },
  adam: {
    label: 'Adam',
    formula: 'g ← g + λp; m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²\np ← p − η·m̂/(√v̂ + ε)',
    source: 'Kingma & Ba 2015, arXiv:1412.6980',
    goodFor: 'Recipes of papers that name it, and trainings without weight decay, where it is AdamW.',
    traps:
      'The decay is divided by √v̂ too: weights with large gradients hardly decay. Learned scales decay like weights.',
    learningRate: 0.0002,
    layerRate: 0.001,
    beta2: 0.999,
  },
  radam: {
    label: 'RAdam',
    formula:
      'as Adam; ρ∞ = 2/(1 − β₂) − 1, ρ = ρ∞ − 2t·β₂ᵗ/(1 − β₂ᵗ)\nρ ≤ 5: p ← p − η·m̂; else p ← p − η·r·m̂/√v̂, r = √((ρ−4)(ρ−2)ρ∞/((ρ∞−4)(ρ∞−2)ρ))',
    source: 'Liu et al. 2020, arXiv:1908.03265',
    goodFor: 'A start without a warm-up: it rectifies its steps while v̂ rests on few gradients.',
    traps:
      'Its first steps are those of momentum, without √v̂, and the next are short: a training of a few hundred steps wants a larger rate than Adam’s.',
    learningRate: 0.002,
    layerRate: 0.01,
    beta2: 0.999,
  },
  lion: {
    label: 'Lion',
    formula: 'p ← p·(1 − ηλ) − η·sign(β₁m + (1 − β₁)g)\nm ← β₂m + (1 − β₂)g',
    source: 'Chen et al. 2023, arXiv:2302.06675',
    goodFor: 'Less memory than Adam: one number for every weight.',
    traps:
      'Every weight moves by the full rate at every step, so it wants a rate three to ten times smaller than AdamW’s, and a decay as much larger. Without a falling schedule weights swing by η to the end.',
    learningRate: 0.00005,
    layerRate: 0.00025,
    beta2: 0.99,
  },
  sgd: {
    label: 'SGD',
    formula: 'd = g + λp; m ← μm + d (m = d at first)\np ← p − ηm; Nesterov: p ← p − η·(d + μm)',
    source: 'Nesterov 1983; Sutskever et al. 2013, ICML, but as PyTorch has it: the rate is not part of m',
    goodFor: 'Convolutions with a tuned rate; memory: one number for every weight, none without momentum.',
    traps:
      'The step has the gradient’s size, so one rate must serve weights and scales: what LSQ’s gradient scale is for. The rate that serves one model may break another.',
    learningRate: 0.05,
    layerRate: 0.01,
    beta2: null,
  },
  diode: {
    label: 'Diode',
    formula:
      'binary w: m ← m + (1 − β₁)(g − m); v ← v + (1 − β₂)(η·sign(m) − v); w ← −w where v·sign(w) > 0\nv = −sign(w)·U at the start, U uniform in (0, a]; all else as Adam with decay apart, ε = 1e−6',
    source: 'BITorch Engine (DiodeMix)',
    goodFor: 'Binary weights: signs flip by vote, and no weight creeps towards its flip.',
    traps:
      'The rate counts against the votes at the start: at step t even a weight that is always asked to flip does so only once η·(1 − β₂ᵗ) > U·β₂ᵗ. With a rate such as AdamW’s hardly any sign moves; a smaller β₂ makes votes quicker. Biases and scales move at the same rate. The rate set is one for fine-tuning; from random weights it stays behind a latent weight under Adam (83.4 against 88.1 % in four epochs). No decay of binary weights; β₁ = 0.99.',
    learningRate: 0.02,
    layerRate: 0.004,
    beta2: 0.9999,
  },
} as const satisfies Record<string, OptimizerPart>;

export type Optimizer = keyof typeof optimizerTable;
export const optimizers = idsOf(optimizerTable);
