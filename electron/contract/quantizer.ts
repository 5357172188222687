/**
 * What can be set on a layer. A quantizer is a mix of grid, range estimator, granularity and
 * gradient method; a preset is a named mix. Words as in the glossary of docs/architecture.md.
 */
import { z } from 'zod';

/** 1–8 bits, or 32 for float. */
export const bitWidths = [1, 2, 3, 4, 5, 6, 7, 8, 32] as const;
export const bitsSchema = z.literal([...bitWidths]);
export type Bits = z.infer<typeof bitsSchema>;

/** signed −2^(b−1)…2^(b−1)−1 · narrow ±(2^(b−1)−1) · unsigned 0…2^b−1 with zero point · binary ±α. */
export const grids = ['signed', 'narrow', 'unsigned', 'binary'] as const;
export const gridSchema = z.enum(grids);
export type Grid = z.infer<typeof gridSchema>;

/** One scale per tensor, per output channel (row), or per group of consecutive inputs in a row. */
export const granularities = ['tensor', 'channel', 'group'] as const;
export const granularitySchema = z.enum(granularities);
export type Granularity = z.infer<typeof granularitySchema>;

/** How scales are set by *prepare*. */
export const rangeEstimators = ['absmax', 'mse', 'lsq'] as const;
export const rangeEstimatorSchema = z.enum(rangeEstimators);
export type RangeEstimator = z.infer<typeof rangeEstimatorSchema>;

/** `lsq`: scales are learned in training. `ste`: scales stay as prepared, straight-through gradient. */
export const methods = ['lsq', 'ste'] as const;
export const methodSchema = z.enum(methods);
export type Method = z.infer<typeof methodSchema>;

export const weightQuantizerSchema = z
  .strictObject({
    bits: bitsSchema,
    grid: gridSchema,
    granularity: granularitySchema,
    /** Inputs that share a scale; used only with granularity `group`. */
    groupSize: z.int().min(2).max(65536),
    range: rangeEstimatorSchema,
    method: methodSchema,
  })
  .refine((q) => (q.bits === 1) === (q.grid === 'binary'), {
    message: '1 bit is the binary grid, and the binary grid is 1 bit',
    path: ['grid'],
  });
export type WeightQuantizer = z.infer<typeof weightQuantizerSchema>;

/** `auto`: unsigned where the input comes from a ReLU, signed elsewhere. Always one scale per tensor. */
export const activationQuantizerSchema = z.strictObject({
  bits: bitsSchema,
  grid: z.enum(['auto', 'signed', 'unsigned']),
  range: rangeEstimatorSchema,
  method: methodSchema,
});
export type ActivationQuantizer = z.infer<typeof activationQuantizerSchema>;

export const layerConfigSchema = z.strictObject({
  weight: weightQuantizerSchema,
  activation: activationQuantizerSchema,
});
export type LayerConfig = z.infer<typeof layerConfigSchema>;

/** Layer name → its configuration. */
export const configurationSchema = z.record(z.string().min(1).max(4096), layerConfigSchema);
export type Configuration = z.infer<typeof configurationSchema>;

export const defaultLayerConfig: LayerConfig = {
  weight: {
    bits: 4,
    grid: 'signed',
    granularity: 'channel',
    groupSize: 64,
    range: 'mse',
    method: 'lsq',
  },
  activation: { bits: 4, grid: 'auto', range: 'mse', method: 'lsq' },
};

/** Change the weight bits and keep the configuration legal: 1 bit is binary, the others are not. */
export function withWeightBits(quantizer: WeightQuantizer, bits: Bits): WeightQuantizer {
  if (bits === 1) return { ...quantizer, bits, grid: 'binary' };
  return { ...quantizer, bits, grid: quantizer.grid === 'binary' ? 'signed' : quantizer.grid };
}

export const presets = [
  { id: 'float', label: 'Float', wBit: 32, aBit: 32 },
  { id: 'w8a8', label: 'W8A8', wBit: 8, aBit: 8 },
  { id: 'w4a8', label: 'W4A8', wBit: 4, aBit: 8 },
  { id: 'w4a4', label: 'W4A4', wBit: 4, aBit: 4 },
  { id: 'w2a4', label: 'W2A4', wBit: 2, aBit: 4 },
  { id: 'w1a32', label: 'W1A32', wBit: 1, aBit: 32 },
  { id: 'w1a1', label: 'W1A1', wBit: 1, aBit: 1 },
] as const satisfies readonly { id: string; label: string; wBit: Bits; aBit: Bits }[];
export type Preset = (typeof presets)[number];

/** A layer configuration with the preset's bits, everything else as in `base`. */
export function applyPreset(preset: Preset, base: LayerConfig = defaultLayerConfig): LayerConfig {
  return {
    weight: withWeightBits(base.weight, preset.wBit),
    activation: { ...base.activation, bits: preset.aBit },
  };
}

/** `W4A4`, `W1A32`; `float` when both are 32. */
export function bitsLabel(config: LayerConfig): string {
  const { weight, activation } = config;
  if (weight.bits === 32 && activation.bits === 32) return 'float';
  return `W${weight.bits}A${activation.bits}`;
}
