/** The exported safetensors file: its tensors from an export source, and reading them back. */
import type { QuantizedWeight } from '../../native/index.js';
import { QatError } from '../contract/index.js';
import {
  openSafetensors,
  readFloat32,
  readInt32,
  readTensorBytes,
  type SafetensorsFile,
  type SafetensorsSource,
} from '../formats/index.js';
import type { ExportSource } from './export-source.js';
import { type PackedDescription, type PackedLayer, readPackedMetadata } from './packed-format.js';
import { scaleCount } from './quantizers.js';
import { scalesOf } from './scale-arrays.js';

export function layerSize(layer: PackedLayer): { rows: number; cols: number } {
  const [rows = 1, ...rest] = layer.shape;
  return { rows, cols: rest.reduce((product, size) => product * size, 1) };
}

export function packedRowBytes(layer: PackedLayer): number {
  return Math.ceil((layerSize(layer).cols * layer.bits) / 8);
}

/** [1], [rows] or [rows, groups]. */
function scaleShape(layer: PackedLayer): number[] {
  const { rows, cols } = layerSize(layer);
  if (layer.granularity === 'tensor') return [1];
  if (layer.granularity === 'channel') return [rows];
  return [rows, Math.ceil(cols / layer.groupSize)];
}

function expectedScales(layer: PackedLayer): number {
  const { rows, cols } = layerSize(layer);
  return scaleCount({ granularity: layer.granularity, groupSize: layer.groupSize }, rows, cols);
}

/** A ternary weight whose minus level was learned apart from its plus level. */
function hasTwoLevels(layer: PackedLayer): boolean {
  return layer.method === 'ttq';
}

/** The file's tensors; weights are packed when their turn to be written comes. */
export function packedSources(source: ExportSource): SafetensorsSource[] {
  const sources: SafetensorsSource[] = [];
  for (const layer of source.description.layers) {
    const { rows } = layerSize(layer);
    const part = (pick: (weight: QuantizedWeight) => ArrayBufferView) =>
      async function* () {
        yield bytesOf(pick(await source.packed(layer)));
      };
    const { base } = layer;
    const shape = scaleShape(layer);
    sources.push({
      name: `${base}.qweight`,
      dtype: 'U8',
      shape: [rows, packedRowBytes(layer)],
      data: part((weight) => weight.packed),
    });
    sources.push({ name: `${base}.scales`, dtype: 'F32', shape, data: part((weight) => weight.scales) });
    if (layer.grid === 'unsigned') {
      const data = part((weight) => weight.zeroPoints);
      sources.push({ name: `${base}.zero_points`, dtype: 'I32', shape, data });
    }
    if (hasTwoLevels(layer)) {
      const data = part((weight) => weight.negativeScales ?? weight.scales);
      sources.push({ name: `${base}.negative_scales`, dtype: 'F32', shape, data });
    }
  }
  for (const [base, { scale, offset }] of source.inputs) {
    sources.push({ name: `${base}.input_scale`, dtype: 'F32', shape: [1], data: Float32Array.of(scale) });
    if (offset === 0) continue;
    sources.push({ name: `${base}.input_offset`, dtype: 'F32', shape: [1], data: Float32Array.of(offset) });
  }
  for (const { name, dtype, shape, bytes } of source.plain) {
    const data = async function* () {
      yield await bytes();
    };
    sources.push({ name, dtype, shape, data });
  }
  return sources;
}

export function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** A packed file whose header and description hold together. */
export interface PackedFile {
  file: SafetensorsFile;
  description: PackedDescription;
}

/** @throws E-EXPORT-PROOF, E-SAFETENSORS-*, E-FILE-* */
export async function openPackedFile(path: string, signal?: AbortSignal): Promise<PackedFile> {
  const file = await openSafetensors(path, { signal });
  return { file, description: readPackedMetadata(path, file.metadata) };
}

/** One layer's packed weight as stored. @throws E-EXPORT-PROOF when shapes do not fit the description. */
export async function readPackedLayer(
  { file }: PackedFile,
  layer: PackedLayer,
  signal?: AbortSignal,
): Promise<QuantizedWeight> {
  const { rows, cols } = layerSize(layer);
  const packed = await readTensorBytes(file, `${layer.base}.qweight`, { signal });
  const scales = await readFloat32(file, `${layer.base}.scales`, { signal });
  const zeroPoints =
    layer.grid === 'unsigned'
      ? await readInt32(file, `${layer.base}.zero_points`, { signal })
      : new Int32Array(0);
  const negativeScales = hasTwoLevels(layer)
    ? await readFloat32(file, `${layer.base}.negative_scales`, { signal })
    : undefined;
  const fits =
    packed.length === rows * packedRowBytes(layer) &&
    scales.length === expectedScales(layer) &&
    zeroPoints.length === (layer.grid === 'unsigned' ? scales.length : 0) &&
    (negativeScales?.length ?? scales.length) === scales.length;
  if (!fits) {
    throw new QatError(
      'E-EXPORT-PROOF',
      `${file.path}: the packed tensors of ${layer.name} do not have the sizes the description states.`,
      'Export again; if it happens again, check the disk.',
    );
  }
  const { bits, grid, granularity, groupSize } = layer;
  const layout = { bits, grid, granularity, groupSize, rows, cols };
  return { ...layout, packed, ...scalesOf({ scales, zeroPoints, thresholds: undefined, negativeScales }) };
}
