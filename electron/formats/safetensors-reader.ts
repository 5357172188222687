/**
 * Reads .safetensors files. Opening reads the header alone; tensors are read when asked for, into memory
 * of their own (a file's data may start at any byte, so no typed array is ever laid over file bytes).
 * Hosts are little-endian, as the format is.
 */
import { QatError } from '../contract/errors.js';
import { allocateBytes, type RegularFile, withRegularFile } from './regular-file.js';
import { parseSafetensorsHeader, quoteName, safetensorsLimits } from './safetensors-header.js';
import type {
  SafetensorsDtype,
  SafetensorsFile,
  SafetensorsTensor,
  SafetensorsTensorInfo,
  TensorData,
} from './safetensors-types.js';
import { decodeTensor, toFloat32, toFloat64, toInt32, toInt64 } from './tensor-decoding.js';

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads and validates the header of `path`.
 * @throws E-FILE-* when it is not a readable regular file, E-SAFETENSORS-* when its contents are not valid.
 */
export async function openSafetensors(path: string, options: ReadOptions = {}): Promise<SafetensorsFile> {
  return withRegularFile(path, async (file) => {
    const headerBytes = await readHeaderLength(file);
    const header = new Uint8Array(allocateBytes(path, headerBytes));
    await file.readInto(header, 8, options.signal);
    await file.assertUnchanged(file.identity);
    const dataStart = 8 + headerBytes;
    const { tensors, metadata } = parseSafetensorsHeader(path, header, file.sizeBytes - dataStart);
    return { path, sizeBytes: file.sizeBytes, dataStart, tensors, metadata, identity: file.identity };
  });
}

async function readHeaderLength(file: RegularFile): Promise<number> {
  const { path, sizeBytes } = file;
  if (sizeBytes < 8) {
    throw new QatError(
      'E-SAFETENSORS-TRUNCATED',
      `${path}: byte 0: the file has ${sizeBytes} bytes, expected at least 8 for the header length.`,
      'The file is empty or was cut off. Download or copy it again.',
    );
  }
  const prefix = Buffer.alloc(8);
  await file.readInto(prefix, 0);
  const length = prefix.readBigUInt64LE(0);
  if (length > BigInt(safetensorsLimits.headerBytes)) {
    throw new QatError(
      'E-SAFETENSORS-LIMIT',
      `${path}: byte 0: the header length is ${length} bytes, expected at most ${safetensorsLimits.headerBytes}.`,
      'The file is damaged or not a safetensors file. Check that it is one, or download it again.',
    );
  }
  if (length > BigInt(sizeBytes - 8)) {
    throw new QatError(
      'E-SAFETENSORS-TRUNCATED',
      `${path}: byte 0: the header length is ${length} bytes, the file has ${sizeBytes - 8} after it.`,
      'The file was cut off or is not a safetensors file. Download or copy it again.',
    );
  }
  return Number(length);
}

/** The tensor's entry. @throws E-SAFETENSORS-HEADER when the file has no tensor of that name. */
export function tensorInfo(file: SafetensorsFile, name: string): SafetensorsTensorInfo {
  const info = file.tensors.get(name);
  if (info) return info;
  throw new QatError(
    'E-SAFETENSORS-HEADER',
    `${file.path}: no tensor is named ${quoteName(name)}.`,
    'Choose a file that holds this tensor, or correct the name.',
  );
}

/**
 * The tensor's bytes in a new buffer of exactly its size.
 * @throws E-FILE-CHANGED when the file is no longer the one that was opened.
 */
export async function readTensorBytes(
  file: SafetensorsFile,
  name: string,
  options: ReadOptions = {},
): Promise<Uint8Array> {
  const info = tensorInfo(file, name);
  return withRegularFile(file.path, async (opened) => {
    await opened.assertUnchanged(file.identity);
    const bytes = new Uint8Array(allocateBytes(file.path, info.end - info.begin));
    await opened.readInto(bytes, file.dataStart + info.begin, options.signal);
    await opened.assertUnchanged(file.identity);
    return bytes;
  });
}

/** The tensor as the typed array of its dtype; see `SafetensorsTensor.data` for the types without one. */
export async function readTensor(
  file: SafetensorsFile,
  name: string,
  options: ReadOptions = {},
): Promise<SafetensorsTensor> {
  const { dtype, shape } = tensorInfo(file, name);
  return { name, dtype, shape, data: decodeTensor(dtype, await readTensorBytes(file, name, options)) };
}

async function readAs<T extends TensorData>(
  file: SafetensorsFile,
  name: string,
  convert: (dtype: SafetensorsDtype, data: TensorData) => T | undefined,
  wanted: string,
  options: ReadOptions,
): Promise<T> {
  const { dtype, data } = await readTensor(file, name, options);
  const converted = convert(dtype, data);
  if (converted) return converted;
  throw new QatError(
    'E-SAFETENSORS-DTYPE',
    `${file.path}: tensor ${quoteName(name)} has dtype ${dtype}, which does not fit ${wanted} without loss.`,
    'Convert the tensor and save the file again.',
  );
}

/** F32, F16 and BF16, exactly. @throws E-SAFETENSORS-DTYPE for any other dtype. */
export function readFloat32(
  file: SafetensorsFile,
  name: string,
  options: ReadOptions = {},
): Promise<Float32Array> {
  return readAs(file, name, toFloat32, 'float32', options);
}

/** F64, F32, F16 and BF16, exactly. @throws E-SAFETENSORS-DTYPE for any other dtype. */
export function readFloat64(
  file: SafetensorsFile,
  name: string,
  options: ReadOptions = {},
): Promise<Float64Array> {
  return readAs(file, name, toFloat64, 'float64', options);
}

/** BOOL, I8, U8, I16, U16 and I32. @throws E-SAFETENSORS-DTYPE for any other dtype. */
export function readInt32(
  file: SafetensorsFile,
  name: string,
  options: ReadOptions = {},
): Promise<Int32Array> {
  return readAs(file, name, toInt32, 'int32', options);
}

/** BOOL and every integer but U64. @throws E-SAFETENSORS-DTYPE for any other dtype. */
export function readInt64(
  file: SafetensorsFile,
  name: string,
  options: ReadOptions = {},
): Promise<BigInt64Array> {
  return readAs(file, name, toInt64, 'int64', options);
}
