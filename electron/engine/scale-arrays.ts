/** The scales of a weight in files: which arrays there are, and the name each has. */
import type { NativeScales } from '../../native/index.js';
import { readFloat32, readInt32, type SafetensorsFile, type SafetensorsSource } from '../formats/index.js';

/** `thresholds` say how a weight was quantized, not what its codes mean. */
const arrays = [
  { key: 'scales', suffix: 'scales', dtype: 'F32' },
  { key: 'zeroPoints', suffix: 'zero_points', dtype: 'I32' },
  { key: 'thresholds', suffix: 'thresholds', dtype: 'F32' },
  { key: 'negativeScales', suffix: 'negative_scales', dtype: 'F32' },
] as const satisfies readonly { key: keyof NativeScales; suffix: string; dtype: 'F32' | 'I32' }[];

/** The arrays that hold something, as tensors of rank 1 named `prefix` + suffix. */
export function scaleSources(scales: NativeScales, prefix: string): SafetensorsSource[] {
  return arrays.flatMap(({ key, suffix, dtype }) => {
    const data = scales[key];
    return data?.length ? [{ name: prefix + suffix, dtype, shape: [data.length], data }] : [];
  });
}

/** What `scaleSources` wrote. @throws E-FILE-* */
export async function readScales(file: SafetensorsFile, prefix: string): Promise<NativeScales> {
  const floats = async (suffix: string) =>
    file.tensors.has(prefix + suffix) ? readFloat32(file, prefix + suffix) : undefined;
  const integers = async (suffix: string) =>
    file.tensors.has(prefix + suffix) ? readInt32(file, prefix + suffix) : undefined;
  return scalesOf({
    scales: (await floats('scales')) ?? new Float32Array(0),
    zeroPoints: (await integers('zero_points')) ?? new Int32Array(0),
    thresholds: await floats('thresholds'),
    negativeScales: await floats('negative_scales'),
  });
}

/** The scales alone of something that holds them beside other things; empty optional arrays are left out. */
export function scalesOf(from: { [K in keyof NativeScales]: NativeScales[K] | undefined }): NativeScales {
  const { scales, zeroPoints, thresholds, negativeScales } = from;
  return {
    scales: scales ?? new Float32Array(0),
    zeroPoints: zeroPoints ?? new Int32Array(0),
    ...(thresholds?.length ? { thresholds } : {}),
    ...(negativeScales?.length ? { negativeScales } : {}),
  };
}
