/** Inputs of a layer that rounding and layer training look at, and what they made of the layer. */
import { z } from 'zod';

const samples = z.int().min(1).max(1_000_000);
const bound = z.number().min(-1e6).max(1e6);
const seed = z.int().min(0).max(0xffffffff);

export const distributionSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('normal'), mean: bound, std: z.number().min(1e-6).max(1e6) }),
  z
    .strictObject({ kind: z.literal('uniform'), min: bound, max: bound })
    .refine(({ min, max }) => max > min, { message: 'the largest value must be above the smallest' }),
]);
export type Distribution = z.infer<typeof distributionSchema>;

/** Where the inputs [samples, cols] of a layer come from. */
export const calibrationSchema = z.discriminatedUnion('kind', [
  /** What reaches the layer in the float network for the first images of the training set. */
  z.strictObject({ kind: z.literal('captured'), images: samples }),
  /** Every element by itself. */
  z.strictObject({ kind: z.literal('drawn'), samples, distribution: distributionSchema, seed }),
  /** A .npy array or the one matrix of a .safetensors file, [samples, cols] of float32. */
  z.strictObject({ kind: z.literal('file'), path: z.string().min(1).max(4096) }),
]);
export type Calibration = z.infer<typeof calibrationSchema>;

export const defaultDrawn: Extract<Calibration, { kind: 'drawn' }> = {
  kind: 'drawn',
  samples: 1024,
  distribution: { kind: 'normal', mean: 0, std: 1 },
  seed: 1,
};
export const defaultCaptured: Extract<Calibration, { kind: 'captured' }> = { kind: 'captured', images: 1024 };

/** Training of one layer against its own float output. */
export const layerTrainingSchema = z.strictObject({
  optimizer: z.enum(['adam', 'sgd']),
  learningRate: z.number().min(1e-8).max(10),
  epochs: z.int().min(1).max(10_000),
  batchSize: z.int().min(1).max(65_536),
  seed,
});
export type LayerTraining = z.infer<typeof layerTrainingSchema>;

export const defaultLayerTraining: LayerTraining = {
  optimizer: 'adam',
  learningRate: 0.001,
  epochs: 20,
  batchSize: 64,
  seed: 1,
};

/**
 * What a rounding or a training of the layer won. `output`: mean over the calibration inputs of ‖ŷ − y‖², `power` that
 * of ‖y‖²; `weight`: mean of |w − ŵ|^p, and of |w|^p.
 */
export const layerOutcomeSchema = z.strictObject({
  by: z.enum(['adaround', 'gptq', 'hqq', 'training']),
  measure: z.enum(['output', 'weight']),
  /** Rounded to nearest under the scales of *prepare*. */
  nearest: z.number().nonnegative(),
  loss: z.number().nonnegative(),
  power: z.number().nonnegative(),
});
export type LayerOutcome = z.infer<typeof layerOutcomeSchema>;
