/** Inputs of a layer that rounding and layer training look at, and what they made of the layer. */
import { z } from 'zod';
import { optimizers, optimizerTable } from './optimizers.js';

const samples = z.int().min(1).max(1_000_000);
const bound = z.number().min(-1e6).max(1e6);
const seed = z.int().min(0).max(0xffffffff);

const deviation = z.number().min(1e-6).max(1e6);

export const distributionSchema = z.discriminatedUnion('kind', [
  /** By what the network graph says of the layer: `drawnFor`. */
  z.strictObject({ kind: z.literal('auto') }),
  z.strictObject({ kind: z.literal('normal'), mean: bound, std: deviation }),
  /** |x| of a normal x around 0. */
  z.strictObject({ kind: z.literal('halfNormal'), std: deviation }),
  z
    .strictObject({ kind: z.literal('uniform'), min: bound, max: bound })
    .refine(({ min, max }) => max > min, { message: 'the largest value must be above the smallest' }),
]);
export type Distribution = z.infer<typeof distributionSchema>;

/**
 * What `auto` draws. Behind a ReLU no input is negative and their mean is far from 0: what a rounding fits to inputs
 * around 0 is wrong there. The size makes no difference to any rounding: all scale with it.
 */
export function drawnFor(nonNegative: boolean): Exclude<Distribution, { kind: 'auto' }> {
  return nonNegative ? { kind: 'halfNormal', std: 1 } : { kind: 'normal', mean: 0, std: 1 };
}

/**
 * Where the inputs [samples, groups · cols] of a layer come from; every group of a convolution's outputs has `cols` of
 * its own, all other layers are one group.
 */
export const calibrationSchema = z.discriminatedUnion('kind', [
  /** What reaches the layer in the float network for the first images of the training set. */
  z.strictObject({ kind: z.literal('captured'), images: samples }),
  /** Every element by itself. */
  z.strictObject({ kind: z.literal('drawn'), samples, distribution: distributionSchema, seed }),
  /** A .npy array or the one matrix of a .safetensors file, of float32. */
  z.strictObject({ kind: z.literal('file'), path: z.string().min(1).max(4096) }),
]);
export type Calibration = z.infer<typeof calibrationSchema>;

/** A file of inputs that was looked through and can be used. */
export const inputsFileSchema = z.strictObject({
  path: z.string().min(1).max(4096),
  samples: z.int().positive(),
  /** Values of a sample. */
  width: z.int().positive(),
});
export type InputsFile = z.infer<typeof inputsFileSchema>;

export const defaultDrawn: Extract<Calibration, { kind: 'drawn' }> = {
  kind: 'drawn',
  samples: 1024,
  distribution: { kind: 'auto' },
  seed: 1,
};
export const defaultCaptured: Extract<Calibration, { kind: 'captured' }> = { kind: 'captured', images: 1024 };

/** Training of one layer against its own float output. */
export const layerTrainingSchema = z.strictObject({
  optimizer: z.enum(optimizers),
  learningRate: z.number().min(1e-8).max(10),
  epochs: z.int().min(1).max(10_000),
  batchSize: z.int().min(1).max(65_536),
  seed,
});
export type LayerTraining = z.infer<typeof layerTrainingSchema>;

export const defaultLayerTraining: LayerTraining = {
  optimizer: 'adam',
  learningRate: optimizerTable.adam.layerRate,
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
  /** Where the inputs came from; absent where none were looked at, and in projects from before it was kept. */
  inputs: z.enum(['captured', 'drawn', 'file']).optional(),
  /** Rounded to nearest under the scales of *prepare*. */
  nearest: z.number().nonnegative(),
  loss: z.number().nonnegative(),
  power: z.number().nonnegative(),
});
export type LayerOutcome = z.infer<typeof layerOutcomeSchema>;
