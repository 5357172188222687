/**
 * Changes to the float network that leave its outputs as they are: batch norms folded into the layers before them,
 * channels between two layers equalised. What can be done to a model, what it would win, and the file it made.
 */
import { z } from 'zod';

const name = z.string().min(1).max(4096);
const reason = z.string().max(1000);

/** A batch norm of the graph. `norm`: its gamma tensor, which names it. */
const foldSchema = z.strictObject({
  norm: name,
  /** The layer it can be folded into; null: it cannot, `reason` says why. */
  layer: name.nullable(),
  reason: reason.nullable(),
});
export type Fold = z.infer<typeof foldSchema>;

/** Two layers with nothing but positively homogeneous functions between them. `from` names the pair. */
const pairSchema = z.strictObject({
  from: name,
  /** Null: its channels cannot be equalised with those of another layer, `reason` says why. */
  to: name.nullable(),
  /** Operations between, in order; folded batch norms are not among them. */
  through: z.array(z.string().max(32)).max(10_000),
  /** Batch norms between, which must be folded for it. */
  needs: z.array(name).max(10_000),
  reason: reason.nullable(),
});
export type EqualizedPair = z.infer<typeof pairSchema>;

export const transformPlanSchema = z.strictObject({
  folds: z.array(foldSchema).max(10_000),
  pairs: z.array(pairSchema).max(10_000),
  /** Why nothing can be done: the file describes no network. */
  reason: reason.nullable(),
});
export type TransformPlan = z.infer<typeof transformPlanSchema>;

/** What is to be done: batch norms by their gamma, pairs by their first layer. */
export const transformChoiceSchema = z.strictObject({
  folds: z.array(name).max(10_000),
  pairs: z.array(name).max(10_000),
});
export type TransformChoice = z.infer<typeof transformChoiceSchema>;

/** A weight that is changed: as it is, and as it would be. */
const weightFigures = z.strictObject({
  /** Largest over median max|w| of the output channels. */
  rangeRatio: z.number().nonnegative(),
  /** At 4 bits, signed, one MSE scale per tensor; null = exact. */
  sqnrDb: z.number().nullable(),
});
export const changedLayerSchema = z.strictObject({
  layer: name,
  before: weightFigures,
  after: weightFigures,
});
export type ChangedLayer = z.infer<typeof changedLayerSchema>;

/** The record that the written file was re-read and computes the same. */
export const transformRecordSchema = z.strictObject({
  path: name,
  sizeBytes: z.int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  folded: z.int().nonnegative(),
  equalized: z.int().nonnegative(),
  /** What both networks were asked: the test images, or drawn N(0, 1) samples where there is no data set. */
  inputs: z.enum(['test', 'drawn']),
  samples: z.int().positive(),
  maxDifference: z.number().nonnegative(),
  tolerance: z.number().nonnegative(),
  /** Samples with the same largest output. */
  sameDecision: z.int().nonnegative(),
  /** SQNR of the outputs with all weights at 4 bits, signed, one MSE scale per tensor; null = exact. */
  outputDb: z.strictObject({ before: z.number().nullable(), after: z.number().nullable() }),
  layers: z.array(changedLayerSchema).max(10_000),
});
export type TransformRecord = z.infer<typeof transformRecordSchema>;
