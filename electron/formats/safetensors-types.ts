/** Types and element sizes of the safetensors format. */

/** Element sizes in bits, in the reference writer's rank order (low to high). */
export const safetensorsDtypeBits = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

export type SafetensorsDtype = keyof typeof safetensorsDtypeBits;

/** Rank order of the reference writer: the widest types come first in a file, which keeps data aligned. */
export const safetensorsDtypeRank: ReadonlyMap<string, number> = new Map(
  Object.keys(safetensorsDtypeBits).map((dtype, rank) => [dtype, rank]),
);

export function isSafetensorsDtype(text: string): text is SafetensorsDtype {
  return safetensorsDtypeRank.has(text);
}

export interface SafetensorsTensorInfo {
  readonly dtype: SafetensorsDtype;
  /** C order; empty for a scalar. */
  readonly shape: readonly number[];
  /** Byte offsets into the data part of the file, which starts at `SafetensorsFile.dataStart`. */
  readonly begin: number;
  readonly end: number;
}

/** Identity of the file when its header was read; a read that finds another file refuses. */
export interface FileIdentity {
  readonly device: bigint;
  readonly inode: bigint;
  readonly sizeBytes: number;
  readonly modifiedNs: bigint;
}

/** A validated header. Tensor bytes stay on disk until they are asked for. */
export interface SafetensorsFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly dataStart: number;
  /** In file order (ascending offsets). */
  readonly tensors: ReadonlyMap<string, SafetensorsTensorInfo>;
  readonly metadata: ReadonlyMap<string, string>;
  readonly identity: FileIdentity;
}

export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

export interface SafetensorsTensor {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** F16 and BF16 widened to float32; BOOL and the 4, 6 and 8 bit floats as raw bytes; C64 as re, im pairs. */
  readonly data: TensorData;
}
