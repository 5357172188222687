/** A run: one training with its frozen configuration and its recorded series. */
import { z } from 'zod';
import { errorInfoSchema } from './errors.js';
import { configurationSchema } from './quantizer.js';
import { trainingConfigSchema } from './training.js';

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

const shareSchema = z.number().min(0).max(1).nullable();

/**
 * One layer at one step: what the step computed with, and what its update did to the codes. Null: the layer has no such
 * thing, or not yet; `sqnrDb` also: exact.
 */
export const layerFiguresSchema = z.strictObject({
  name: z.string(),
  weightScale: z.number().nullable(),
  activationScale: z.number().nullable(),
  /** Codes changed since the point before; with freezing, from step to step. */
  flipShare: shareSchema,
  oscillatingShare: shareSchema,
  frozenShare: shareSchema,
  /** Weights, and inputs of the batch, whose rounded code is outside the grid. */
  clippedWeights: shareSchema,
  clippedInputs: shareSchema,
  /** L2, before gradients are clipped. */
  weightGradient: z.number().nullable(),
  scaleGradient: z.number().nullable(),
  sqnrDb: z.number().nullable(),
});
export type LayerFigures = z.infer<typeof layerFiguresSchema>;
export type LayerFigure = Exclude<keyof LayerFigures, 'name'>;

export const diagnosticsPointSchema = z.strictObject({
  step: z.int(),
  epoch: z.number(),
  layers: z.array(layerFiguresSchema),
});
export type DiagnosticsPoint = z.infer<typeof diagnosticsPointSchema>;

/** Decimated for drawing: at most 1500 points of each kind (extremes kept); the file has every one. */
export const runSeriesSchema = z.strictObject({
  runId: z.string(),
  steps: z.array(stepPointSchema).max(1500),
  evaluations: z.array(evaluationPointSchema).max(1500),
  diagnostics: z.array(diagnosticsPointSchema).max(1500),
});
export type RunSeries = z.infer<typeof runSeriesSchema>;
