/** The opened model as the window sees it: names, shapes and states — never the weights themselves. */
import { z } from 'zod';
import { layerOutcomeSchema } from './calibration.js';

/** float: as loaded · prepared: scales set · quantized: packed weight made. */
export const layerStateSchema = z.enum(['float', 'prepared', 'quantized']);
export type LayerState = z.infer<typeof layerStateSchema>;

export const resultIdSchema = z.string().regex(/^[0-9a-f]{32}$/);

/** How far a layer has come under its quantizer. */
const layerStanding = {
  state: layerStateSchema,
  /** Names what *prepare*, *quantize* or layer training made of it; absent when it is float. */
  result: resultIdSchema.optional(),
  /** What choosing its codes, or training it by itself, won; absent where codes are the nearest. */
  outcome: layerOutcomeSchema.optional(),
};
export const layerStandingSchema = z.strictObject(layerStanding);
export type LayerStanding = z.infer<typeof layerStandingSchema>;

export const layerInfoSchema = z.strictObject({
  name: z.string().min(1).max(4096),
  /** As stored; a weight of rank > 2 is quantized as [shape[0], product of the rest]. */
  shape: z.array(z.int().nonnegative()).min(1).max(8),
  rows: z.int().positive(),
  cols: z.int().positive(),
  dtype: z.string().max(16),
  /** Part of the network graph, so it can be trained. */
  trainable: z.boolean(),
  /** What the network graph says of the layer's input; of a layer that is no part of it, what is the case for most. */
  input: z.strictObject({
    /** Nothing below zero arrives. */
    nonNegative: z.boolean(),
    /** Shares of the input, each seen by its own share of the rows: those of a grouped convolution. */
    groups: z.int().positive(),
  }),
  ...layerStanding,
});
export type LayerInfo = z.infer<typeof layerInfoSchema>;

/** Values of one of the layer's calibration inputs. */
export function inputWidth({ cols, input }: Pick<LayerInfo, 'cols' | 'input'>): number {
  return cols * input.groups;
}

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
const tensorName = z.string().max(4096);
const nodeName = z.string().min(1).max(256);
const size = z.int().positive().max(65_536);
/** A name for later nodes to take from, and the nodes it takes from, else the one before. */
const place = { name: nodeName.optional(), inputs: z.tuple([nodeName]).optional() };
/** `inputShift`: what is added to each input channel before it is quantized, learned in training. */
const weights = { weight: tensorName, bias: tensorName.nullable(), inputShift: tensorName.optional() };
/** Square windows without padding; the stride is the kernel unless given. */
const pool = { ...place, kernel: size, stride: size.optional() };

export const graphNodeSchema = z.discriminatedUnion('op', [
  /** Weight [outputs, inputs]. */
  z.strictObject({ op: z.literal('linear'), ...place, ...weights }),
  /** Weight [outputs, inputs / groups, kernel height, kernel width]; zeros as padding. */
  z.strictObject({
    op: z.literal('conv2d'),
    ...place,
    ...weights,
    stride: size.optional(),
    padding: z.int().min(0).max(65_536).optional(),
    dilation: size.optional(),
    groups: size.optional(),
  }),
  z.strictObject({ op: z.literal('relu'), ...place }),
  z.strictObject({ op: z.literal('prelu'), ...place, slope: tensorName }),
  z.strictObject({ op: z.literal('gelu'), ...place }),
  z.strictObject({
    op: z.literal('batchNorm'),
    ...place,
    gamma: tensorName,
    beta: tensorName,
    runningMean: tensorName,
    runningVar: tensorName,
  }),
  z.strictObject({ op: z.literal('layerNorm'), ...place, gamma: tensorName, beta: tensorName }),
  z.strictObject({ op: z.literal('maxPool2d'), ...pool }),
  z.strictObject({ op: z.literal('avgPool2d'), ...pool }),
  z.strictObject({ op: z.literal('flatten'), ...place }),
  /** The sum of two inputs. */
  z.strictObject({ op: z.literal('add'), ...place, inputs: z.tuple([nodeName, nodeName]) }),
  /** Queries, keys and values, each [tokens, features]; the features are divided among the heads. */
  z.strictObject({
    op: z.literal('attention'),
    ...place,
    inputs: z.tuple([nodeName, nodeName, nodeName]),
    heads: size,
  }),
  /** [m, k] times [k, n], or transposed [n, k], in float. */
  z.strictObject({
    op: z.literal('matmul'),
    ...place,
    inputs: z.tuple([nodeName, nodeName]),
    transposed: z.boolean().optional(),
  }),
  z.strictObject({ op: z.literal('dropout'), ...place, rate: z.number().min(0).lt(1) }),
]);
export type GraphNode = z.infer<typeof graphNodeSchema>;

export const graphSchema = z.strictObject({
  version: z.literal(1),
  /** How an input byte image becomes floats: (byte / 255 − mean) / std. */
  input: z.strictObject({
    features: z.int().positive(),
    /** Lets nodes take the samples themselves. */
    name: nodeName.optional(),
    /** [channels, height, width], [tokens, features] or [features], where it is not a plain row of features. */
    shape: z.array(z.int().positive().max(16_777_216)).min(1).max(3).optional(),
    mean: z.number(),
    std: z.number().positive(),
  }),
  classes: z.int().positive(),
  nodes: z.array(graphNodeSchema).min(1).max(10_000),
});
export type Graph = z.infer<typeof graphSchema>;
