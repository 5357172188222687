/** Tensor bytes to typed arrays, and widening between them where no value is lost. */
import type { SafetensorsDtype, TensorData } from './safetensors-types.js';

/** `bytes` must own its whole buffer, so that offset 0 suits every element size. */
export function decodeTensor(dtype: SafetensorsDtype, bytes: Uint8Array): TensorData {
  const buffer = bytes.buffer as ArrayBuffer;
  switch (dtype) {
    case 'F32':
    case 'C64':
      return new Float32Array(buffer);
    case 'F64':
      return new Float64Array(buffer);
    case 'F16':
      return widenFloat16(new Uint16Array(buffer));
    case 'BF16':
      return widenBfloat16(new Uint16Array(buffer));
    case 'I8':
      return new Int8Array(buffer);
    case 'I16':
      return new Int16Array(buffer);
    case 'U16':
      return new Uint16Array(buffer);
    case 'I32':
      return new Int32Array(buffer);
    case 'U32':
      return new Uint32Array(buffer);
    case 'I64':
      return new BigInt64Array(buffer);
    case 'U64':
      return new BigUint64Array(buffer);
    default:
      return bytes;
  }
}

/** bfloat16 is the upper half of a float32. */
function widenBfloat16(halves: Uint16Array): Float32Array {
  const words = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) words[i] = (halves[i] as number) << 16;
  return new Float32Array(words.buffer);
}

function widenFloat16(halves: Uint16Array): Float32Array {
  const words = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) words[i] = float16ToFloat32Bits(halves[i] as number);
  return new Float32Array(words.buffer);
}

/** IEEE 754 binary16 to binary32, exact, NaN payload kept. */
function float16ToFloat32Bits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // Subnormal: value = fraction · 2^-24; shift the leading one out of the fraction.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}

export function toFloat32(dtype: SafetensorsDtype, data: TensorData): Float32Array | undefined {
  return dtype !== 'C64' && data instanceof Float32Array ? data : undefined;
}

export function toFloat64(dtype: SafetensorsDtype, data: TensorData): Float64Array | undefined {
  if (data instanceof Float64Array) return data;
  const single = toFloat32(dtype, data);
  return single && Float64Array.from(single);
}

const int32Dtypes: ReadonlySet<SafetensorsDtype> = new Set(['BOOL', 'I8', 'U8', 'I16', 'U16']);

export function toInt32(dtype: SafetensorsDtype, data: TensorData): Int32Array | undefined {
  if (data instanceof Int32Array) return data;
  return int32Dtypes.has(dtype) ? Int32Array.from(data as Uint8Array) : undefined;
}

export function toInt64(dtype: SafetensorsDtype, data: TensorData): BigInt64Array | undefined {
  if (data instanceof BigInt64Array) return data;
  if (dtype !== 'I32' && dtype !== 'U32' && !int32Dtypes.has(dtype)) return undefined;
  const wide = new BigInt64Array(data.length);
  for (let i = 0; i < data.length; i++) wide[i] = BigInt(data[i] as number);
  return wide;
}
