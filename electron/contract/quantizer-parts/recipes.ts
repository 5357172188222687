import type { Part } from './part.js';

/** A method of a paper that is a mix of parts, or a training beside that of the network. */
export interface RecipePart extends Part {
  /** What to choose for it. */
  how: string;
}

export const recipeTable = {
  binaryConnect: {
    label: 'BinaryConnect',
    formula:
      'ŵ = α·sign(w), sign(0) = +1; in the paper α = 1\n∂L/∂w = ∂L/∂ŵ where |w| ≤ 1, else 0; after each update w ← clamp(w, −1, 1)',
    source: 'Courbariaux, Bengio & David 2015, arXiv:1511.00363',
    goodFor: 'What binary weights train by: a float weight collects small gradients until its sign flips.',
    traps:
      'Not the paper to the letter: α is mean|w| (`ste`) or learned (`lsq`) in place of 1, and signs are never drawn at random. A model with weights far beyond 1 loses them to the clamp.',
    how: 'grid `binary`, method `ste` or `lsq`',
  },
  xnorNet: {
    label: 'XNOR-Net, BWN',
    formula:
      'min ‖w − α·B‖² ⇒ B = sign(w), α = mean|w|, anew at every step\nBWN: float inputs; one-bit inputs: x̂ = s·sign(x), s one scale of the layer',
    source: 'Rastegari et al. 2016, arXiv:1603.05279',
    goodFor:
      'Binary weights whose scale needs no learning: the paper’s scale of each output, the least-squares optimum.',
    traps:
      'Not the paper to the letter: the gradient goes straight through (where |w| ≤ 1), α being held constant in it, and inputs have one scale for the layer in place of K, the mean of |x| at each position. Inputs behind a ReLU have one sign: leave it out before one-bit inputs.',
    how: 'grid `binary`, granularity `channel`, method `ste`; for one-bit inputs activations of 1 bit, `signed`',
  },
  layerTraining: {
    label: 'Layer training',
    formula:
      'min mean (ŷ − y)², y = Wx, ŷ = Ŵx̂, over calibration inputs x, one layer at a time\nby Adam or SGD (μ = 0.9) under a cosine, no weight decay',
    source: null,
    goodFor: 'Weights that carry no network graph, or no labels: each layer learns its own float output.',
    traps:
      'Errors of the layers before are not seen. Few inputs, or drawn ones, are learned by heart: 1 024 drawn samples cost the sample’s W2A4 2.5 points ([numerics.md](numerics.md)). Where it loses no less than rounding to nearest, that is kept. Bias takes no part.',
    how: '**Train layer** in the quantizer panel; the layer’s own quantizer, or LSQ where its rounding is not to nearest',
  },
} as const satisfies Record<string, RecipePart>;
