/** Which bits each layer gets within a budget: what is asked, what was measured, what is proposed. */
import { z } from 'zod';
import { calibrationSchema } from './calibration.js';
import { bitsSchema } from './quantizer.js';

const name = z.string().min(1).max(4096);
const bytes = z.int().nonnegative();

/** Bits that layers may be given. */
export const allocatedBits = [1, 2, 3, 4, 5, 6, 7, 8] as const;
export type AllocatedBits = (typeof allocatedBits)[number];

export const budgetSchema = z.discriminatedUnion('kind', [
  /** Mean bits of a code over all layers that are not float; scales are not counted. */
  z.strictObject({ kind: z.literal('bits'), bits: z.number().min(1).max(8) }),
  /** Of all layers as exported: codes, scales and zero points; float layers at four bytes a weight. */
  z.strictObject({
    kind: z.literal('bytes'),
    bytes: z
      .int()
      .min(1)
      .max(2 ** 50),
  }),
]);
export type Budget = z.infer<typeof budgetSchema>;

export const allocationInputSchema = z.strictObject({
  budget: budgetSchema,
  choices: z
    .array(z.literal([...allocatedBits]))
    .min(1)
    .max(8),
  /** Layers that keep the bits they have. */
  fixed: z.array(name).max(100_000),
  /** What errors are measured on; null: the weights alone. A file serves no more than one layer. */
  inputs: calibrationSchema.refine(({ kind }) => kind !== 'file', 'captured or drawn').nullable(),
  /** Errors as shares of the layer's output power (or of the weight's), not as they are. */
  relative: z.boolean(),
});
export type AllocationInput = z.infer<typeof allocationInputSchema>;

/** `error`: of the output, mean ‖Ŵx − Wx‖², or of the weight, Σ(ŵ − w)²; null where it was not measured. */
const choice = z.strictObject({ bits: bitsSchema, error: z.number().nonnegative().nullable(), bytes });
export type MeasuredBits = z.infer<typeof choice>;

const total = z.strictObject({
  /** As counted, summed over the layers that are not fixed. */
  error: z.number().nonnegative(),
  bytes,
  /** Mean code bits over the layers that are not float; 0 when all are. */
  bits: z.number().nonnegative(),
});
export type AllocationTotal = z.infer<typeof total>;

export const allocationSchema = z.strictObject({
  measure: z.enum(['output', 'weight']),
  /** False: so many combinations that the greedy answer was taken. */
  exact: z.boolean(),
  layers: z
    .array(
      z.strictObject({
        layer: name,
        weights: z.int().positive(),
        /** Why it keeps its bits; null: it was allocated. */
        fixed: z.string().max(300).nullable(),
        /** Of the layer's output (mean ‖Wx‖²) or weight (Σw²). */
        power: z.number().nonnegative().nullable(),
        now: choice,
        proposed: choice,
      }),
    )
    .max(100_000),
  now: total,
  proposed: total,
  /** The best that each size allows, smallest first; of many layers found greedily. */
  curve: z.array(total).max(100),
  /** All layers alike, by their bits. */
  uniform: z.array(total.extend({ of: z.int() })).max(8),
});
export type Allocation = z.infer<typeof allocationSchema>;
