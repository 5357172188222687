/**
 * The scales of a weight as tensors of a file: the one table of their arrays. A prepared layer, a run's weights
 * and an export hold the same arrays under the same names; those that are empty are not stored.
 */
import type { NativeScales } from '../../native/index.js';
import {
  type ReadOptions,
  readFloat32,
  readInt32,
  type SafetensorsFile,
  type SafetensorsSource,
} from '../formats/index.js';

const arrays = [
  { of: 'scales', name: 'scales', dtype: 'F32' },
  { of: 'zeroPoints', name: 'zero_points', dtype: 'I32' },
  { of: 'thresholds', name: 'thresholds', dtype: 'F32' },
  { of: 'negativeScales', name: 'negative_scales', dtype: 'F32' },
  { of: 'parameters', name: 'parameters', dtype: 'F32' },
  { of: 'levels', name: 'levels', dtype: 'F32' },
] as const satisfies readonly { of: keyof NativeScales; name: string; dtype: 'F32' | 'I32' }[];

export type ScaleArray = (typeof arrays)[number];

/** What a weight's codes are decoded with: thresholds and parameters chose the codes, and are not needed any more. */
export const decodingArrays = arrays.filter(({ of }) => of !== 'thresholds' && of !== 'parameters');

/** The scales alone, of an object that has more. */
export function scalesOf(given: NativeScales): NativeScales {
  const { scales, zeroPoints, thresholds, negativeScales, parameters, levels } = given;
  return {
    scales,
    zeroPoints,
    ...(thresholds && { thresholds }),
    ...(negativeScales && { negativeScales }),
    ...(parameters && { parameters }),
    ...(levels && { levels }),
  };
}

/** Bytes of the arrays that an export stores. */
export function decodingBytes(scales: NativeScales): number {
  return decodingArrays.reduce((bytes, { of }) => bytes + (scales[of]?.byteLength ?? 0), 0);
}

/** Tensors of rank 1 named `prefix` + name, so that they are never taken for layers. */
export function scaleSources(scales: NativeScales, prefix: string): SafetensorsSource[] {
  return arrays.flatMap(({ of, name, dtype }) => {
    const data = scales[of];
    return data && data.length > 0 ? [{ name: prefix + name, dtype, shape: [data.length], data }] : [];
  });
}

/** What `scaleSources` wrote; arrays that the file lacks are empty. @throws E-FILE-*, E-SAFETENSORS-* */
export async function readScales(
  file: SafetensorsFile,
  prefix: string,
  options?: ReadOptions,
): Promise<NativeScales> {
  const has = (name: string) => file.tensors.has(prefix + name);
  const floats = (name: string) => readFloat32(file, prefix + name, options);
  return {
    scales: has('scales') ? await floats('scales') : new Float32Array(0),
    zeroPoints: has('zero_points')
      ? await readInt32(file, `${prefix}zero_points`, options)
      : new Int32Array(0),
    ...(has('thresholds') && { thresholds: await floats('thresholds') }),
    ...(has('negative_scales') && { negativeScales: await floats('negative_scales') }),
    ...(has('parameters') && { parameters: await floats('parameters') }),
    ...(has('levels') && { levels: await floats('levels') }),
  };
}

type Values = Float32Array | Int32Array;

/** A change of every array that there is. */
function mapArrays(
  scales: NativeScales,
  change: (values: Values, of: ScaleArray['of']) => Values,
): NativeScales {
  const changed = arrays.flatMap(({ of }) => {
    const values = scales[of];
    return values ? [[of, change(values, of)]] : [];
  });
  return Object.fromEntries(changed) as NativeScales;
}

/** Of scales that rows have to themselves: those of part `index` of `count` equal parts of the rows. */
export function scalesOfPart(scales: NativeScales, index: number, count: number): NativeScales {
  return mapArrays(scales, (values) => {
    const length = values.length / count;
    return values.subarray(index * length, (index + 1) * length);
  });
}

/** What `scalesOfPart` took apart. */
export function joinScales(parts: readonly NativeScales[]): NativeScales {
  const [first] = parts;
  if (!first) throw new Error('There are no scales to join.');
  return mapArrays(first, (_values, of) => joined(parts.flatMap((part) => part[of] ?? [])));
}

/** One array after another. */
export function joined<T extends Values>(parts: readonly T[]): T {
  const [first] = parts;
  if (!first) throw new Error('There are no arrays to join.');
  const whole = new (first.constructor as new (length: number) => T)(
    parts.reduce((length, part) => length + part.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
