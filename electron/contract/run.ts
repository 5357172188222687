/** A run: one training with its frozen configuration and its recorded series. */
import { z } from 'zod';
import { errorInfoSchema } from './errors.js';
import { configurationSchema } from './quantizer.js';

export const optimizers = ['adamw', 'adam', 'radam', 'lion', 'sgd', 'diode'] as const;
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

/** What has a default came later: runs and exported files written before do not have it. */
export const trainingConfigSchema = z.strictObject({
  optimizer: z.enum(optimizers),
  learningRate: z.number().positive().max(100),
  /** SGD only. */
  momentum: z.number().min(0).max(0.9999),
  /** SGD with momentum only. */
  nesterov: z.boolean().default(false),
  weightDecay: z.number().min(0).max(10),
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
  epochs: z.int().min(1).max(10_000),
  batchSize: z.int().min(1).max(65_536),
  /** Order of the samples; the same seed gives the same bits. */
  seed: z.int().min(0).max(0xffff_ffff),
});
export type TrainingConfig = z.infer<typeof trainingConfigSchema>;

/** Measured on the sample model: W8A8, W4A4 and W2A4 end within half a point of float for every seed tried. */
export const defaultTrainingConfig: TrainingConfig = {
  optimizer: 'adamw',
  learningRate: 0.0002,
  momentum: 0.9,
  nesterov: false,
  weightDecay: 0.01,
  amplitude: 0.001,
  galore: null,
  schedule: 'cosine',
  stepEpochs: 2,
  stepFactor: 0.1,
  warmupEpochs: 0,
  gradientClip: 0,
  scaleRate: 1,
  epochs: 8,
  batchSize: 128,
  seed: 1,
};

/** Steps of one epoch over so many images; the last batch may be smaller. */
export function stepsPerEpoch({ batchSize }: Pick<TrainingConfig, 'batchSize'>, images: number): number {
  return Math.ceil(images / batchSize);
}

export const runStateSchema = z.enum(['running', 'paused', 'finished', 'cancelled', 'failed', 'interrupted']);
export type RunState = z.infer<typeof runStateSchema>;

/** It holds the layers and the processor: running, or paused. */
export function isActive(run: { state: RunState }): boolean {
  return run.state === 'running' || run.state === 'paused';
}

export const runProgressSchema = z.strictObject({
  step: z.int().nonnegative(),
  stepsTotal: z.int().positive(),
  epoch: z.number().nonnegative(),
  loss: z.number().nullable(),
  testAccuracy: z.number().min(0).max(1).nullable(),
  /** Running median of the last steps. */
  stepMs: z.number().nonnegative().nullable(),
  remainingMs: z.number().nonnegative().nullable(),
});
export type RunProgress = z.infer<typeof runProgressSchema>;

export const runResultSchema = z.strictObject({
  /** Test accuracies 0–1: the float model, the quantized model before and after training. */
  floatAccuracy: z.number().min(0).max(1),
  accuracyBefore: z.number().min(0).max(1),
  accuracyAfter: z.number().min(0).max(1),
  lossAfter: z.number(),
  effectiveBits: z.number().positive(),
  packedBytes: z.int().nonnegative(),
  floatBytes: z.int().nonnegative(),
  seconds: z.number().nonnegative(),
});
export type RunResult = z.infer<typeof runResultSchema>;

export const runSummarySchema = z.strictObject({
  id: z.string().regex(/^run-[0-9a-z-]{1,64}$/),
  name: z.string().min(1).max(200),
  createdAt: z.iso.datetime(),
  state: runStateSchema,
  configuration: configurationSchema,
  training: trainingConfigSchema,
  progress: runProgressSchema,
  result: runResultSchema.nullable(),
  error: errorInfoSchema.nullable(),
});
export type RunSummary = z.infer<typeof runSummarySchema>;

/** One training step as recorded. */
export const stepPointSchema = z.strictObject({
  step: z.int(),
  epoch: z.number(),
  loss: z.number(),
  learningRate: z.number(),
});
export type StepPoint = z.infer<typeof stepPointSchema>;

/** One evaluation on the test images, at the start and after every epoch, with per-layer diagnostics. */
export const evaluationPointSchema = z.strictObject({
  step: z.int(),
  epoch: z.number(),
  testLoss: z.number(),
  testAccuracy: z.number().min(0).max(1),
  layers: z.array(
    z.strictObject({
      name: z.string(),
      sqnrDb: z.number().nullable(),
      scaleMean: z.number(),
      /** Share of codes that changed since the evaluation before, 0–1. */
      flipShare: z.number().min(0).max(1),
    }),
  ),
});
export type EvaluationPoint = z.infer<typeof evaluationPointSchema>;

/** Decimated for drawing: at most 1500 step points (extremes kept); the file has every step. */
export const runSeriesSchema = z.strictObject({
  runId: z.string(),
  steps: z.array(stepPointSchema).max(1500),
  evaluations: z.array(evaluationPointSchema).max(1500),
});
export type RunSeries = z.infer<typeof runSeriesSchema>;
