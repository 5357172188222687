/**
 * The exported file's description, kept in safetensors `__metadata__` (strings only). Tensors per n-bit
 * layer `L`: `L.qweight` U8 [rows, ceil(cols·bits/8)], `L.scales` F32, `L.zero_points` I32 (unsigned grid
 * only), `L.negative_scales` F32 (method ttq only), `L.input_scale` F32 [1] (quantized activations only),
 * `L.input_shift` F32 [1] (activations of method lsqPlus only), `L.levels` F32 [scales…, 2^bits] (grid user only).
 * Everything else is stored as float32.
 */
import { z } from 'zod';
import {
  exportedLibrarySchema,
  granularitySchema,
  graphSchema,
  gridSchema,
  layerOriginSchema,
  methodSchema,
  QatError,
  trainingConfigSchema,
} from '../contract/index.js';

export const packedFormatName = 'qat-packed';
/**
 * 2: grids whose value is not (code − zero_point) · scale, negative scales, and input shifts, all of which a reader
 * of version 1 would misread. What version 1 has is the same in both.
 */
export const packedFormatVersion = 2;
/** 3: a layer on the grid of a quantizer library, whose values are `levels`. Only files that have one. */
const libraryFormatVersion = 3;
const readableVersions = ['1', String(packedFormatVersion), String(libraryFormatVersion)];

export const packingOrder =
  'code - qmin in `bits` bits, least significant bit first: column c of a row occupies bits c*bits ... c*bits+bits-1 of the row, bit k being bit k%8 of byte floor(k/8); each row padded with 0 to whole bytes; value by grid: signed and narrow code * scale; unsigned (code - zero_point) * scale; midrise (code + 0.5) * scale; binary 1 = +scale, 0 = -scale; ternary code * scale, but code * negative_scale for -1 where there are negative_scales; input code = clamp(round((x - input_shift) / input_scale), qmin, qmax), its value code * input_scale + input_shift, input_shift 0 where there is none';

/** What files of version 3 say besides. */
export const levelsOrder =
  '; user levels[scale, code]: the value of every code under the scale of its row and group';

export const packedLayerSchema = z.strictObject({
  /** The layer's tensor in the float model, and the name its packed tensors begin with. */
  name: z.string().min(1).max(4096),
  base: z.string().min(1).max(4096),
  /** As in the float model; codes are stored as [rows, cols] = [shape[0], product of the rest]. */
  shape: z.array(z.int().positive()).min(2).max(8),
  bits: z.int().min(1).max(8),
  grid: gridSchema,
  qmin: z.int(),
  qmax: z.int(),
  granularity: granularitySchema,
  groupSize: z.int().min(2).max(65536),
  method: methodSchema,
  /** Grid user: the library that gave codes and levels. A reader does not need it. */
  library: exportedLibrarySchema.optional(),
});
export type PackedLayer = z.infer<typeof packedLayerSchema>;

/** Input quantizer of a layer: `packingOrder` says how it rounds; 1 bit: sign. */
export const packedActivationSchema = z.strictObject({
  base: z.string().min(1).max(4096),
  bits: z.int().min(1).max(8),
  grid: z.enum(['signed', 'unsigned', 'binary']),
  qmin: z.int(),
  qmax: z.int(),
  /** Only lsqPlus makes a difference to what is computed. Files of version 1 do not have it. */
  method: methodSchema.default('ste'),
});
export type PackedActivation = z.infer<typeof packedActivationSchema>;

/** How the codes of a layer came about; decoding needs none of it. */
export const packedOriginSchema = layerOriginSchema.extend({ base: z.string().min(1).max(4096) });

export const packedDescriptionSchema = z.strictObject({
  layers: z.array(packedLayerSchema).max(100_000),
  activations: z.array(packedActivationSchema).max(100_000),
  source: z.strictObject({ name: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  run: z.strictObject({ id: z.string(), name: z.string(), training: trainingConfigSchema }).nullable(),
  tool: z.strictObject({ name: z.string(), version: z.string() }),
  graph: graphSchema.nullable(),
  /** A key of its own, not part of `layers`: readers of these refuse what they do not know. Older files have none. */
  origins: z.array(packedOriginSchema).max(100_000).default([]),
});
export type PackedDescription = z.infer<typeof packedDescriptionSchema>;

export function writePackedMetadata(description: PackedDescription): Record<string, string> {
  const hasLibrary = description.layers.some(({ grid }) => grid === 'user');
  return {
    format: packedFormatName,
    format_version: String(hasLibrary ? libraryFormatVersion : packedFormatVersion),
    'packed.layers': JSON.stringify(description.layers),
    'packed.activations': JSON.stringify(description.activations),
    'packed.order': hasLibrary ? packingOrder + levelsOrder : packingOrder,
    'packed.source': JSON.stringify(description.source),
    'packed.run': JSON.stringify(description.run),
    'packed.tool': JSON.stringify(description.tool),
    // Not under the key of float models: this file's codes cannot be opened as float weights.
    'packed.graph': JSON.stringify(description.graph),
    'packed.origins': JSON.stringify(description.origins),
  };
}

export function isPackedFile(metadata: ReadonlyMap<string, string>): boolean {
  return metadata.get('format') === packedFormatName;
}

/** @throws QatError E-EXPORT-PROOF when the metadata is not what `writePackedMetadata` writes. */
export function readPackedMetadata(path: string, metadata: ReadonlyMap<string, string>): PackedDescription {
  const problem = (what: string) =>
    new QatError('E-EXPORT-PROOF', `${path}: ${what}`, 'Export again; if it happens again, check the disk.');
  if (!isPackedFile(metadata)) throw problem(`__metadata__.format is not ${packedFormatName}.`);
  if (!readableVersions.includes(metadata.get('format_version') ?? '')) {
    throw problem(`__metadata__.format_version is not ${readableVersions.join(', ')}.`);
  }
  const part = (key: string): unknown => {
    try {
      return JSON.parse(metadata.get(`packed.${key}`) ?? '');
    } catch {
      throw problem(`__metadata__["packed.${key}"] is missing or not JSON.`);
    }
  };
  const parsed = packedDescriptionSchema.safeParse({
    layers: part('layers'),
    activations: part('activations'),
    source: part('source'),
    run: part('run'),
    tool: part('tool'),
    graph: part('graph'),
    ...(metadata.has('packed.origins') && { origins: part('origins') }),
  });
  if (!parsed.success) throw problem(`__metadata__ is damaged: ${parsed.error.issues[0]?.message ?? ''}.`);
  return parsed.data;
}
