/**
 * Writes .safetensors files as the reference writer orders them: `__metadata__` first, then tensors from
 * the widest type to the narrowest and by name within a type, header padded with spaces to 8 bytes.
 */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { QatError } from '../contract/errors.js';
import { type AtomicWriteOptions, writeFileAtomic } from './atomic-file.js';
import { parseSafetensorsHeader, quoteName } from './safetensors-header.js';
import { type SafetensorsDtype, safetensorsDtypeBits, safetensorsDtypeRank } from './safetensors-types.js';

export interface SafetensorsSource {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  /** C order. */
  readonly shape: readonly number[];
  /** Little-endian bytes, or a function that yields them in pieces when their turn comes. */
  readonly data: ArrayBufferView | (() => AsyncIterable<Uint8Array> | Iterable<Uint8Array>);
}

export interface WriteSafetensorsOptions extends AtomicWriteOptions {
  readonly metadata?: Iterable<readonly [string, string]> | undefined;
  /** Bytes written so far and in all. */
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
}

export interface WrittenFile {
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** Pieces of this size keep progress and cancelling lively. */
const pieceBytes = 4 * 1024 * 1024;

/**
 * Writes `path` atomically; on failure or cancel nothing of it is left.
 * @throws E-SAFETENSORS-* when names, shapes and data do not fit together, E-DISK-*, E-CANCELLED.
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<SafetensorsSource>,
  options: WriteSafetensorsOptions = {},
): Promise<WrittenFile> {
  const { sources, header, sizeBytes } = layOut(path, tensors, options.metadata ?? []);
  const hash = createHash('sha256');
  let doneBytes = 0;
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for await (const piece of filePieces(path, header, sources)) {
      hash.update(piece);
      yield piece;
      doneBytes += piece.length;
      options.onProgress?.(doneBytes, sizeBytes);
    }
  }
  await writeFileAtomic(path, pieces(), options);
  return { sizeBytes, sha256: hash.digest('hex') };
}

/** The SHA-256 of the file that `writeSafetensors` would write. */
export async function digestSafetensors(
  tensors: Iterable<SafetensorsSource>,
  metadata: Iterable<readonly [string, string]> = [],
): Promise<string> {
  const where = 'safetensors in memory';
  const { sources, header } = layOut(where, tensors, metadata);
  const hash = createHash('sha256');
  for await (const piece of filePieces(where, header, sources)) {
    hash.update(piece);
    // Others are served between the pieces.
    await setImmediate();
  }
  return hash.digest('hex');
}

/** The same file in memory, for small ones. */
export async function encodeSafetensors(
  tensors: Iterable<SafetensorsSource>,
  metadata: Iterable<readonly [string, string]> = [],
): Promise<Uint8Array> {
  const where = 'safetensors in memory';
  const { sources, header } = layOut(where, tensors, metadata);
  const pieces: Uint8Array[] = [];
  for await (const piece of filePieces(where, header, sources)) pieces.push(piece);
  return Buffer.concat(pieces);
}

interface Layout {
  readonly sources: readonly SafetensorsSource[];
  /** Length prefix, JSON and padding. */
  readonly header: Uint8Array;
  readonly sizeBytes: number;
}

function layOut(
  path: string,
  tensors: Iterable<SafetensorsSource>,
  metadata: Iterable<readonly [string, string]>,
): Layout {
  const sources = [...tensors].sort(compareSources);
  const parts: string[] = [];
  const pairs = [...metadata].sort((a, b) => compareBytes(a[0], b[0]));
  if (pairs.length > 0) {
    const text = pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',');
    parts.push(`"__metadata__":{${text}}`);
  }
  let position = 0;
  for (const { name, dtype, shape } of sources) {
    const end = position + byteLength(dtype, shape);
    const entry = JSON.stringify({ dtype, shape, data_offsets: [position, end] });
    parts.push(`${JSON.stringify(name)}:${entry}`);
    position = end;
  }
  const json = Buffer.from(`{${parts.join(',')}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  const header = Buffer.alloc(8 + padded, 0x20);
  header.writeBigUInt64LE(BigInt(padded), 0);
  json.copy(header, 8);
  // The reader is the judge: what it would refuse is not written. The text was joined by hand, so that
  // repeated names are still there to be found.
  parseSafetensorsHeader(path, header.subarray(8), position);
  return { sources, header, sizeBytes: header.length + position };
}

function byteLength(dtype: SafetensorsDtype, shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, safetensorsDtypeBits[dtype]) / 8;
}

function compareSources(a: SafetensorsSource, b: SafetensorsSource): number {
  const rank = (source: SafetensorsSource) => safetensorsDtypeRank.get(source.dtype) ?? -1;
  return rank(b) - rank(a) || compareBytes(a.name, b.name);
}

/** UTF-8 byte order; `<` on strings would compare UTF-16 units. */
function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

async function* filePieces(
  path: string,
  header: Uint8Array,
  sources: readonly SafetensorsSource[],
): AsyncGenerator<Uint8Array> {
  yield header;
  for (const source of sources) {
    const expected = byteLength(source.dtype, source.shape);
    let given = 0;
    for await (const piece of sourcePieces(source)) {
      given += piece.length;
      if (given > expected) throw lengthError(path, source, expected, `at least ${given}`);
      yield piece;
    }
    if (given !== expected) throw lengthError(path, source, expected, `${given}`);
  }
}

async function* sourcePieces({ data }: SafetensorsSource): AsyncGenerator<Uint8Array> {
  if (typeof data === 'function') {
    yield* data();
    return;
  }
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  for (let begin = 0; begin < bytes.length; begin += pieceBytes) {
    yield bytes.subarray(begin, begin + pieceBytes);
  }
}

function lengthError(path: string, source: SafetensorsSource, expected: number, given: string): QatError {
  return new QatError(
    'E-SAFETENSORS-SHAPE',
    `${path}: tensor ${quoteName(source.name)} of shape [${source.shape.join(', ')}] and dtype ${source.dtype} needs ${expected} bytes, ${given} were given.`,
    'Nothing was written. Try again; if it happens again, report it with the log.',
  );
}
