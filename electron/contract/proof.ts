/** The record that an exported file was re-read and equals what was trained. */
import { z } from 'zod';
import type { LayerOutcome } from './calibration.js';
import { roundingSchema } from './quantizer.js';

/** A quantizer library as an export names it. */
export const exportedLibrarySchema = z.strictObject({
  name: z.string().max(32),
  version: z.string().max(32),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type ExportedLibrary = z.infer<typeof exportedLibrarySchema>;

/** How a layer's codes came about. Nothing that decoding needs. */
export const layerOriginSchema = z.strictObject({
  rounding: roundingSchema,
  /** Whether its weight was trained before: with the network, by itself against its float output, or not here. */
  trained: z.enum(['network', 'alone', 'no']),
});
export type LayerOrigin = z.infer<typeof layerOriginSchema>;

/** Of a layer that is quantized in the project, by what making its codes won; without it they are the nearest. */
export function originOf(outcome: LayerOutcome | null): LayerOrigin {
  if (outcome?.by === 'training') return { rounding: 'nearest', trained: 'alone' };
  return { rounding: outcome?.by ?? 'nearest', trained: 'no' };
}

/** Of a layer of a run: training rounds to nearest. */
export const runOrigin: LayerOrigin = { rounding: 'nearest', trained: 'network' };

export const exportRecordSchema = z.strictObject({
  path: z.string().max(4096),
  createdAt: z.iso.datetime(),
  sizeBytes: z.int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** `model` = the project's layers as quantized, or the id of the run exported. */
  source: z.string().max(64),
  label: z.string().max(200),
  layers: z
    .array(
      z.strictObject({
        name: z.string(),
        bits: z.int(),
        codes: z.int().nonnegative(),
        /** Codes that differ after re-reading; a proof that holds has 0. */
        codesDifferent: z.int().nonnegative(),
        scalesDifferent: z.int().nonnegative(),
        effectiveBits: z.number(),
        /** The quantizer library whose levels the file holds; null where the quantizer is built in. */
        library: exportedLibrarySchema.nullable().default(null),
        /** Null in records from before it was kept. */
        origin: layerOriginSchema.nullable().default(null),
      }),
    )
    .max(100_000),
  /** Logits of the test images by packed inference from the re-read file against the trained model's. */
  logits: z
    .strictObject({
      images: z.int().positive(),
      maxDifference: z.number().nonnegative(),
      /** Images whose logits differ by no more than rounding; null in records from before it was counted. */
      withinRounding: z.int().nonnegative().nullable().default(null),
      tolerance: z.number().positive(),
      sameDecision: z.int().nonnegative(),
      accuracy: z.number().min(0).max(1),
    })
    .nullable(),
  /** Why there are no logits to compare, when there are none. */
  logitsReason: z.string().max(1000).nullable(),
});
export type ExportRecord = z.infer<typeof exportRecordSchema>;
