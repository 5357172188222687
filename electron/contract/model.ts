/** The opened model as the window sees it: names, shapes and states — never the weights themselves. */
import { z } from 'zod';

/** float: as loaded · prepared: scales set · quantized: packed weight made. */
export const layerStateSchema = z.enum(['float', 'prepared', 'quantized']);
export type LayerState = z.infer<typeof layerStateSchema>;

export const layerInfoSchema = z.strictObject({
  name: z.string().min(1).max(4096),
  /** As stored; a weight of rank > 2 is quantized as [shape[0], product of the rest]. */
  shape: z.array(z.int().nonnegative()).min(1).max(8),
  rows: z.int().positive(),
  cols: z.int().positive(),
  dtype: z.string().max(16),
  /** Part of the network graph, so it can be trained. */
  trainable: z.boolean(),
  state: layerStateSchema,
});
export type LayerInfo = z.infer<typeof layerInfoSchema>;

export const modelInfoSchema = z.strictObject({
  name: z.string().max(1024),
  path: z.string().max(4096),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  sizeBytes: z.int().nonnegative(),
  parameterCount: z.int().nonnegative(),
  layers: z.array(layerInfoSchema).max(100_000),
  /** Tensors that are not layers (biases, norms, integers), with the reason. */
  others: z
    .array(
      z.strictObject({ name: z.string(), shape: z.array(z.int()), dtype: z.string(), reason: z.string() }),
    )
    .max(1_000_000),
});
export type ModelInfo = z.infer<typeof modelInfoSchema>;

export const datasetInfoSchema = z.strictObject({
  name: z.string().max(1024),
  path: z.string().max(4096),
  trainCount: z.int().positive(),
  testCount: z.int().positive(),
  features: z.int().positive(),
  classes: z.int().positive(),
});
export type DatasetInfo = z.infer<typeof datasetInfoSchema>;

/**
 * The network graph, stored as JSON under `qat.graph` in a safetensors file's `__metadata__`.
 * `weight`, `bias`… name tensors of the same file.
 */
export const graphNodeSchema = z.discriminatedUnion('op', [
  z.strictObject({
    op: z.literal('linear'),
    weight: z.string().max(4096),
    bias: z.string().max(4096).nullable(),
  }),
  z.strictObject({ op: z.literal('relu') }),
  z.strictObject({
    op: z.literal('batchNorm'),
    gamma: z.string().max(4096),
    beta: z.string().max(4096),
    runningMean: z.string().max(4096),
    runningVar: z.string().max(4096),
  }),
]);
export const graphSchema = z.strictObject({
  version: z.literal(1),
  /** How an input byte image becomes floats: (byte / 255 − mean) / std. */
  input: z.strictObject({ features: z.int().positive(), mean: z.number(), std: z.number().positive() }),
  classes: z.int().positive(),
  nodes: z.array(graphNodeSchema).min(1).max(10_000),
});
export type Graph = z.infer<typeof graphSchema>;
