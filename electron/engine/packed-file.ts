/** The exported safetensors file: its tensors from an export source, and reading them back. */
import type { QuantizedWeight } from '../../native/index.js';
import { QatError, scaleCount } from '../contract/index.js';
import {
  openSafetensors,
  readTensorBytes,
  type SafetensorsFile,
  type SafetensorsSource,
} from '../formats/index.js';
import type { ExportSource } from './export-source.js';
import { type PackedDescription, type PackedLayer, readPackedMetadata } from './packed-format.js';
import { decodingArrays, readScales, type ScaleArray } from './scale-arrays.js';

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

/** Values of an array in the file. */
function expectedCount(layer: PackedLayer, array: ScaleArray): number {
  if (!isStored(layer, array)) return 0;
  const { rows, cols } = layerSize(layer);
  const scales = scaleCount({ granularity: layer.granularity, groupSize: layer.groupSize }, rows, cols);
  return array.of === 'levels' ? scales * 2 ** layer.bits : scales;
}

/** Whether the layer's codes are decoded with this array. */
function isStored({ grid, method }: PackedLayer, { of }: ScaleArray): boolean {
  if (of === 'zeroPoints') return grid === 'unsigned';
  if (of === 'negativeScales') return method === 'ttq';
  if (of === 'levels') return grid === 'user';
  return of === 'scales';
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
    for (const array of decodingArrays) {
      if (!isStored(layer, array)) continue;
      const data = part((weight) => weight[array.of] ?? new Float32Array(0));
      const levels = array.of === 'levels' ? [2 ** layer.bits] : [];
      sources.push({
        name: `${base}.${array.name}`,
        dtype: array.dtype,
        shape: [...shape, ...levels],
        data,
      });
    }
  }
  for (const [base, { scale, shift }] of source.inputs) {
    sources.push({ name: `${base}.input_scale`, dtype: 'F32', shape: [1], data: Float32Array.of(scale) });
    if (shift === null) continue;
    sources.push({ name: `${base}.input_shift`, dtype: 'F32', shape: [1], data: Float32Array.of(shift) });
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
  const scales = await readScales(file, `${layer.base}.`, { signal });
  const fits =
    packed.length === rows * packedRowBytes(layer) &&
    decodingArrays.every((array) => (scales[array.of]?.length ?? 0) === expectedCount(layer, array));
  if (!fits) {
    throw new QatError(
      'E-EXPORT-PROOF',
      `${file.path}: the packed tensors of ${layer.name} do not have the sizes the description states.`,
      'Export again; if it happens again, check the disk.',
    );
  }
  const { bits, grid, granularity, groupSize } = layer;
  return { bits, grid, granularity, groupSize, rows, cols, packed, ...scales };
}
