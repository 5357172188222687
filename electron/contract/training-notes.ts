/** What the workbench and its documentation say about settings of a training that need more than a word. */
import type { Part } from './quantizer-parts/index.js';
import type { TrainingConfig } from './training.js';

export const trainingNotes = {
  galore: {
    label: 'GaLore',
    formula:
      'L, R: singular vectors of G, chosen anew every n steps\nstep Δ on LᵀG, GR or LᵀGR; w ← w + scale·LΔRᵀ',
    source: 'Zhao et al. 2024, arXiv:2403.03507',
    goodFor: 'Large layers: the optimizer’s moments have the rank’s size, not the weight’s.',
    traps:
      'A rank that is too small leaves directions untrained until the next choice. Biases, scales and Diode’s weights are left out.',
  },
  schedule: {
    label: 'Schedule',
    formula: 'constant: η\ncosine: η·½(1 + cos(π·k/K)) at step k of K\nstep: η·f^⌊epoch/n⌋',
    source: 'Loshchilov & Hutter 2017, arXiv:1608.03983 (cosine)',
    goodFor: 'Cosine: weights come to rest on their codes at the end. Step: recipes of papers.',
    traps:
      'Constant leaves weights swinging between two codes to the last step. The number of epochs shapes the cosine: half a training is not a training of half the length.',
  },
  warmupEpochs: {
    label: 'Warm-up',
    formula: 'η·(k + 1)/W while k < W, W the steps of these epochs',
    source: 'Goyal et al. 2017, arXiv:1706.02677',
    goodFor: 'Large batches, and scales that were estimated roughly.',
    traps: 'The cosine goes on below it: both factors are multiplied.',
  },
  gradientClip: {
    label: 'Gradient clip',
    formula: 'g ← g·min(1, c/(‖g‖ + 1e−6)), ‖g‖ over all parameters',
    source: 'Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063',
    goodFor: 'Spikes of the loss, and the first steps at few bits.',
    traps: '0 leaves gradients as they are. Adam divides by the gradient’s size: it feels the clip little.',
  },
  scaleRate: {
    label: 'Scale rate',
    formula: 'learning rate of scales, clips and shifts = rate × this',
    source: null,
    goodFor: 'Scales that jump (below 1) or hardly move (above 1) beside their weights.',
    traps:
      'Under SGD LSQ’s gradient scale evens scales out. A step of Adam or Lion is as long as the rate whatever the gradient: one of 0.02 on a scale of 0.02 is a leap, so keep rate × this well below the smallest scale.',
  },
  loss: {
    label: 'Loss',
    formula:
      'cross-entropy, or the squared error to one-hot targets: mean over images and classes of (y − t)²,\nor with the float model as teacher\na·T²·KL(softmax(t/T) ‖ softmax(y/T)) + (1 − a)·cross-entropy',
    source:
      'Hinton, Vinyals & Dean 2015, arXiv:1503.02531; squared error: Hui & Belkin 2021, arXiv:2006.07322',
    goodFor:
      'Squared error: answers that are numbers, outputs kept near 0 … 1. Distillation: few bits, few or noisy labels; the float model says how wrong each answer is.',
    traps:
      'The model is asked once for every image before the first step; its outputs stay in memory. A teacher that is wrong teaches that as well. The squared error draws the outputs of a float model trained by cross-entropy to 0 … 1 first: on the sample (W2A4, eight epochs, 2 000 images held back) it ended at 75.3 % with the rate 0.0002 and at 85.7 % with 0.002, cross-entropy at 87.8 and 88.5 %. The test loss stays the cross-entropy, which its outputs are not made for: compare accuracies.',
  },
  temperature: {
    label: 'Temperature',
    formula: 'softmax(y/T), the loss times T²',
    source: 'Hinton, Vinyals & Dean 2015, arXiv:1503.02531',
    goodFor: 'Above 1 the teacher’s small probabilities count: which wrong class is nearly right.',
    traps:
      'T² keeps the gradient’s size; far above the spread of the logits the loss is nearly a mean square of logits.',
  },
  teacherShare: {
    label: 'Teacher’s share',
    formula: 'a·teacher + (1 − a)·labels',
    source: 'Hinton, Vinyals & Dean 2015, arXiv:1503.02531',
    goodFor: '1: learn from the float model alone; 0: from the labels alone.',
    traps: 'At 1 the model can get no better than its teacher’s answers allow.',
  },
  labelSmoothing: {
    label: 'Label smoothing',
    formula: 'target = (1 − e)·label + e/classes',
    source: 'Szegedy et al. 2016, arXiv:1512.00567',
    goodFor: 'Models that are too sure of themselves.',
    traps: 'The training loss no longer falls to 0. Adds little to distillation.',
  },
  gradientBits: {
    label: 'Gradient bits',
    formula: 'per sample: m = max|dy|\ndy ← 2m·(⌊(2^k−1)·(dy/2m + ½ + noise)⌉/(2^k−1) − ½), noise ±½/(2^k−1)',
    source: 'Zhou et al. 2016 (DoReFa), arXiv:1606.06160',
    goodFor: 'Studying training in low precision: what n-bit layers get back is rounded.',
    traps: 'Nothing gets faster: the rounding is simulated. Below 4 bits many networks stop learning.',
  },
  dampening: {
    label: 'Dampening',
    formula: 'loss + λ·Σ(ŵ − clip(w))², ŵ held constant',
    source: 'Nagel et al. 2022, arXiv:2203.11086',
    goodFor: 'Weights that swing between two codes: each is drawn to its level.',
    traps:
      'For signed, narrow and unsigned grids; others ignore it. Too strong early on, weights cannot change their code any more.',
  },
  freezing: {
    label: 'Freeze oscillating weights',
    formula:
      'f ← 0.99·f + 0.01·[code went back]; held at the mean code once f > θ\nθ(p) = θ₁ + (θ₀ − θ₁)·(1 + cos πp)/2, p the share of the training done',
    source: 'Nagel et al. 2022, arXiv:2203.11086',
    goodFor:
      'The last points of accuracy at 2 to 4 bits, where swinging weights spoil what batch norm has seen.',
    traps:
      'A held weight never moves again: too low a threshold too early freezes the network. lsq and ste on signed, narrow, unsigned and binary grids; with any other grid the training is refused.',
  },
  quantizeFromEpoch: {
    label: 'Quantize from epoch',
    formula: 'before: ŵ = w, x̂ = x; then scales are prepared from the weights and the batch of that step',
    source: null,
    goodFor: 'Training from scratch: the float network settles before it is rounded.',
    traps: 'The scales of *prepare* are replaced at the start. The learning rate must leave time to recover.',
  },
  freezeNormFromEpoch: {
    label: 'Freeze batch norm from epoch',
    formula: 'from then on y = γ·(x − running mean)/√(running var + ε) + β, both means fixed',
    source: 'Krishnamoorthi 2018, arXiv:1806.08342',
    goodFor: 'The end of a training: what inference will compute is trained from there on.',
    traps:
      'Too early, the statistics are those of weights that have long changed. Without batch norm it does nothing.',
  },
  diagnosticsEvery: {
    label: 'Layer figures every so many steps',
    formula:
      'scales, clipped shares, gradient norms and SQNR the step computed with; codes changed since the record before',
    source: null,
    goodFor:
      'Seeing why a layer does not learn: a scale that runs away, codes that swing, gradients that vanish.',
    traps:
      'Changes no bit of the training, but takes time and disk; a long training of many layers records at most a million rows. 0: only at evaluations.',
  },
} as const satisfies Partial<Record<keyof TrainingConfig | 'freezing', Part>>;
export type TrainingNote = keyof typeof trainingNotes;
