/** The settings of a training. */
import { z } from 'zod';
import { optimizers, optimizerTable } from './optimizers.js';

export const schedules = ['cosine', 'step', 'constant'] as const;
export const galoreTypes = ['std', 'reverse_std', 'left', 'right', 'full'] as const;

/** GaLore: the optimizer steps in a few directions of each weight's gradient. */
export const galoreSchema = z.strictObject({
  rank: z.int().min(1).max(16_777_216),
  /** Which side is projected; `std`: the shorter. */
  type: z.enum(galoreTypes).default('std'),
  /** Steps between two choices of the directions. */
  updateGap: z.int().min(1).max(1_000_000).default(200),
  /** Of the step that goes back to the weight. */
  scale: z.number().min(1e-6).max(1e6).default(1),
});
export type Galore = z.infer<typeof galoreSchema>;
export const defaultGalore: Galore = { rank: 32, type: 'std', updateGap: 200, scale: 1 };

export const losses = ['crossEntropy', 'mse', 'distillation'] as const;

/** What has a default came later: runs and exported files written before do not have it. */
export const trainingFieldsSchema = z.strictObject({
  optimizer: z.enum(optimizers),
  learningRate: z.number().positive().max(100),
  /** SGD only. */
  momentum: z.number().min(0).max(0.9999),
  /** SGD with momentum only. */
  nesterov: z.boolean().default(false),
  weightDecay: z.number().min(0).max(10),
  /** How long the second average remembers; null: the optimizer's own. SGD has none. */
  beta2: z.number().min(0).max(0.999_999).nullable().default(null),
  /** Diode only: the largest vote that a binary weight starts with. */
  amplitude: z.number().min(1e-9).max(1).default(0.001),
  /** Null: gradients as they are. */
  galore: galoreSchema.nullable().default(null),
  schedule: z.enum(schedules),
  /** For `step`: the learning rate is multiplied with stepFactor after every stepEpochs epochs. */
  stepEpochs: z.int().min(1).max(10_000).default(1),
  stepFactor: z.number().positive().max(1).default(0.1),
  /** The learning rate rises linearly over this many epochs; 0 = at once. */
  warmupEpochs: z.number().min(0).max(10_000).default(0),
  /** Longest gradient of all parameters together (L2); 0 = as it is. */
  gradientClip: z.number().min(0).max(1e6).default(0),
  /** Learning rate of learned scales, as a multiple of the others'. */
  scaleRate: z.number().min(1e-4).max(1e4).default(1),
  loss: z.enum(losses).default('crossEntropy'),
  /** Share of every target that is spread over all classes. */
  labelSmoothing: z.number().min(0).max(0.9).default(0),
  /** Distillation only: both outputs are divided by it. */
  temperature: z.number().min(0.01).max(100).default(4),
  /** Distillation only: the teacher's share of the loss; the labels have the rest. */
  teacherShare: z.number().min(0).max(1).default(0.9),
  /** Of the gradients that quantized layers get back (DoReFa); null: float. */
  gradientBits: z.int().min(2).max(8).nullable().default(null),
  /** Strength of the loss that draws weights to their levels; 0 = none. */
  dampening: z.number().min(0).max(1000).default(0),
  /** A weight whose code oscillates more often than this share of the steps is held; 0 = never. */
  freezeThreshold: z.number().min(0).max(1).default(0),
  /** The threshold falls to this by the end; null: it stays. */
  freezeThresholdEnd: z.number().positive().max(1).nullable().default(null),
  /** Until then the layers are trained as float. */
  quantizeFromEpoch: z.number().min(0).max(10_000).default(0),
  /** From then on batch norm keeps its running statistics; null: never. */
  freezeNormFromEpoch: z.number().min(0).max(10_000).nullable().default(null),
  /** Steps from one record of every layer's figures to the next; 0 = at evaluations only. */
  diagnosticsEvery: z.int().min(0).max(1_000_000).default(0),
  epochs: z.int().min(1).max(10_000),
  batchSize: z.int().min(1).max(65_536),
  /** Order of the samples; the same seed gives the same bits. */
  seed: z.int().min(0).max(0xffff_ffff),
});

/** What settings must be to each other. */
export const trainingConfigSchema = trainingFieldsSchema.superRefine((training, context) => {
  const refuse = (field: keyof typeof training, message: string) =>
    context.addIssue({ code: 'custom', path: [field], message });
  const { epochs, quantizeFromEpoch, freezeNormFromEpoch, freezeThreshold, freezeThresholdEnd } = training;
  if (quantizeFromEpoch > 0 && quantizeFromEpoch >= epochs) {
    refuse('quantizeFromEpoch', `Quantization must start before the last of ${epochs} epochs ends`);
  }
  if (freezeNormFromEpoch !== null && freezeNormFromEpoch > epochs) {
    refuse('freezeNormFromEpoch', `Batch norm cannot be frozen after the last of ${epochs} epochs`);
  }
  if (freezeThresholdEnd !== null && freezeThreshold === 0) {
    refuse('freezeThresholdEnd', 'A threshold at the end needs one at the start');
  } else if (freezeThresholdEnd !== null && freezeThresholdEnd > freezeThreshold) {
    refuse('freezeThresholdEnd', 'The threshold of freezing must not rise');
  }
});
export type TrainingConfig = z.infer<typeof trainingConfigSchema>;

/** Measured on the sample model: W8A8, W4A4 and W2A4 end within half a point of float for every seed tried. */
export const defaultTrainingConfig: TrainingConfig = {
  optimizer: 'adamw',
  learningRate: optimizerTable.adamw.learningRate,
  momentum: 0.9,
  nesterov: false,
  weightDecay: 0.01,
  beta2: null,
  amplitude: 0.001,
  galore: null,
  schedule: 'cosine',
  stepEpochs: 2,
  stepFactor: 0.1,
  warmupEpochs: 0,
  gradientClip: 0,
  scaleRate: 1,
  loss: 'crossEntropy',
  labelSmoothing: 0,
  temperature: 4,
  teacherShare: 0.9,
  gradientBits: null,
  dampening: 0,
  freezeThreshold: 0,
  freezeThresholdEnd: null,
  quantizeFromEpoch: 0,
  freezeNormFromEpoch: null,
  diagnosticsEvery: 10,
  epochs: 8,
  batchSize: 128,
  seed: 1,
};

/** Steps of one epoch over so many images; the last batch may be smaller. */
export function stepsPerEpoch({ batchSize }: Pick<TrainingConfig, 'batchSize'>, images: number): number {
  return Math.ceil(images / batchSize);
}
