/**
 * From untrusted header bytes to a validated table of tensors. Rules of the reference reader, and
 * stricter where it is lenient: names may not repeat, entries hold exactly the three known keys.
 */
import { type ErrorCode, QatError } from '../contract/errors.js';
import { JsonCursor, JsonSyntaxError } from './json-cursor.js';
import {
  isSafetensorsDtype,
  type SafetensorsDtype,
  type SafetensorsTensorInfo,
  safetensorsDtypeBits,
} from './safetensors-types.js';
import { findInvalidUtf8 } from './utf8.js';

export const safetensorsLimits = {
  headerBytes: 100_000_000,
  tensors: 1_000_000,
  nameBytes: 4096,
  rank: 8,
  dimension: 2 ** 32,
  metadataEntries: 100_000,
  metadataValueBytes: 16 * 1024 * 1024,
} as const;

const headerStart = 8;
const damagedRemedy =
  'The file is damaged or not a safetensors file. Download or export it again; if a program wrote it, save it again with a current version.';

export interface SafetensorsHeader {
  readonly tensors: Map<string, SafetensorsTensorInfo>;
  readonly metadata: Map<string, string>;
}

interface Entry extends SafetensorsTensorInfo {
  readonly name: string;
  readonly offset: number;
}

/**
 * @param bytes the N header bytes that follow the 8 byte length
 * @param dataBytes bytes of the file after the header; the tensors must cover them exactly
 * @throws E-SAFETENSORS-*
 */
export function parseSafetensorsHeader(
  path: string,
  bytes: Uint8Array,
  dataBytes: number,
): SafetensorsHeader {
  if (bytes[0] !== 0x7b) {
    const found = bytes.length === 0 ? 'nothing' : `0x${(bytes[0] as number).toString(16).padStart(2, '0')}`;
    throw headerError(path, 0, `expected "{", found ${found}`);
  }
  const invalid = findInvalidUtf8(bytes);
  if (invalid >= 0) throw headerError(path, invalid, 'expected UTF-8, found a byte that is not');
  const parser = new HeaderParser(path, bytes);
  try {
    parser.parse();
  } catch (thrown) {
    if (thrown instanceof JsonSyntaxError) throw headerError(path, thrown.offset, thrown.message);
    throw thrown;
  }
  return {
    tensors: tile(path, parser.entries, dataBytes, headerStart + bytes.length),
    metadata: parser.metadata,
  };
}

function headerError(path: string, offset: number, what: string): QatError {
  return makeError('E-SAFETENSORS-HEADER', path, offset, what);
}

function makeError(code: ErrorCode, path: string, offset: number, what: string): QatError {
  return new QatError(code, `${path}: byte ${headerStart + offset}: ${what}.`, damagedRemedy);
}

/** A name fit for a message: control characters escaped, long ones cut. */
export function quoteName(name: string): string {
  return JSON.stringify(name.length > 120 ? `${name.slice(0, 117)}...` : name);
}

class HeaderParser {
  readonly entries: Entry[] = [];
  readonly metadata = new Map<string, string>();
  readonly #path: string;
  readonly #cursor: JsonCursor;
  readonly #names = new Set<string>();

  constructor(path: string, bytes: Uint8Array) {
    this.#path = path;
    this.#cursor = new JsonCursor(bytes);
  }

  parse(): void {
    this.#cursor.readObject((key, offset) => {
      if (this.#names.has(key)) this.#duplicate(offset, `the name ${quoteName(key)}`);
      this.#names.add(key);
      this.#checkName(key, offset);
      if (key === '__metadata__') this.#parseMetadata();
      else this.#parseTensor(key, offset);
    });
    this.#cursor.readEnd();
  }

  #checkName(name: string, offset: number): void {
    if (Buffer.byteLength(name) > safetensorsLimits.nameBytes) {
      this.#limit(offset, `a name longer than ${safetensorsLimits.nameBytes} bytes`);
    }
  }

  #parseMetadata(): void {
    const cursor = this.#cursor;
    if (cursor.tryReadNull()) return;
    cursor.readObject((key, keyOffset) => {
      if (this.metadata.has(key)) this.#duplicate(keyOffset, `the __metadata__ key ${quoteName(key)}`);
      if (this.metadata.size >= safetensorsLimits.metadataEntries) {
        this.#limit(keyOffset, `more than ${safetensorsLimits.metadataEntries} __metadata__ entries`);
      }
      this.#checkName(key, keyOffset);
      const valueOffset = cursor.offset;
      const value = cursor.readString();
      if (cursor.offset - valueOffset > safetensorsLimits.metadataValueBytes) {
        this.#limit(valueOffset, `a __metadata__ value above ${safetensorsLimits.metadataValueBytes} bytes`);
      }
      this.metadata.set(key, value);
    });
  }

  #parseTensor(name: string, offset: number): void {
    if (this.entries.length >= safetensorsLimits.tensors) {
      this.#limit(offset, `more than ${safetensorsLimits.tensors} tensors`);
    }
    const cursor = this.#cursor;
    let dtype: SafetensorsDtype | undefined;
    let shape: number[] | undefined;
    let range: { begin: number; end: number } | undefined;
    cursor.readObject((key, keyOffset) => {
      const repeated = () =>
        this.#duplicate(keyOffset, `the key ${quoteName(key)} of tensor ${quoteName(name)}`);
      if (key === 'dtype') {
        if (dtype !== undefined) repeated();
        dtype = this.#readDtype(name);
      } else if (key === 'shape') {
        if (shape !== undefined) repeated();
        shape = this.#readShape(name);
      } else if (key === 'data_offsets') {
        if (range !== undefined) repeated();
        range = this.#readRange(name);
      } else {
        throw this.#error(
          'E-SAFETENSORS-HEADER',
          keyOffset,
          `tensor ${quoteName(name)} has the key ${quoteName(key)}, expected dtype, shape and data_offsets only`,
        );
      }
    });
    if (dtype === undefined || shape === undefined || range === undefined) {
      const missing = dtype === undefined ? 'dtype' : shape === undefined ? 'shape' : 'data_offsets';
      throw this.#error('E-SAFETENSORS-HEADER', offset, `tensor ${quoteName(name)} has no ${missing}`);
    }
    const entry: Entry = { name, offset, dtype, shape, begin: range.begin, end: range.end };
    this.#checkSize(entry);
    this.entries.push(entry);
  }

  #readDtype(name: string): SafetensorsDtype {
    const offset = this.#cursor.offset;
    const text = this.#cursor.readString();
    if (isSafetensorsDtype(text)) return text;
    throw new QatError(
      'E-SAFETENSORS-DTYPE',
      `${this.#path}: byte ${headerStart + offset}: tensor ${quoteName(name)} has the unknown dtype ${quoteName(text)}, expected one of ${Object.keys(safetensorsDtypeBits).join(', ')}.`,
      'Convert the tensor to float32, float16 or bfloat16 and save the file again.',
    );
  }

  #readShape(name: string): number[] {
    const shape: number[] = [];
    const cursor = this.#cursor;
    cursor.readArray((index) => {
      if (index >= safetensorsLimits.rank) {
        this.#limit(
          cursor.offset,
          `tensor ${quoteName(name)} has more than ${safetensorsLimits.rank} dimensions`,
        );
      }
      const offset = cursor.offset;
      const dimension = cursor.readUnsignedInteger();
      if (dimension > safetensorsLimits.dimension) {
        this.#limit(
          offset,
          `tensor ${quoteName(name)} has a dimension of ${dimension}, at most 2^32 is allowed`,
        );
      }
      shape.push(dimension);
    });
    return shape;
  }

  #readRange(name: string): { begin: number; end: number } {
    const cursor = this.#cursor;
    const offset = cursor.offset;
    const numbers: number[] = [];
    cursor.readArray((index) => {
      if (index >= 2) {
        throw this.#error(
          'E-SAFETENSORS-OFFSETS',
          offset,
          `tensor ${quoteName(name)}: expected two data_offsets`,
        );
      }
      const at = cursor.offset;
      try {
        numbers.push(cursor.readUnsignedInteger());
      } catch (thrown) {
        if (!(thrown instanceof JsonSyntaxError)) throw thrown;
        throw this.#error(
          'E-SAFETENSORS-OFFSETS',
          at,
          `data_offsets of ${quoteName(name)}: ${thrown.message}`,
        );
      }
    });
    const [begin, end] = numbers;
    if (begin === undefined || end === undefined) {
      throw this.#error(
        'E-SAFETENSORS-OFFSETS',
        offset,
        `tensor ${quoteName(name)}: expected two data_offsets`,
      );
    }
    if (end < begin) {
      throw this.#error(
        'E-SAFETENSORS-OFFSETS',
        offset,
        `tensor ${quoteName(name)} ends at ${end}, before it begins at ${begin}`,
      );
    }
    return { begin, end };
  }

  #checkSize({ name, offset, dtype, shape, begin, end }: Entry): void {
    let bits: number = safetensorsDtypeBits[dtype];
    for (const dimension of shape) {
      bits *= dimension;
      if (bits > Number.MAX_SAFE_INTEGER) {
        throw this.#error(
          'E-SAFETENSORS-SHAPE',
          offset,
          `tensor ${quoteName(name)} of shape [${shape.join(', ')}] is too large to exist`,
        );
      }
    }
    if (bits % 8 !== 0) {
      throw this.#error(
        'E-SAFETENSORS-SHAPE',
        offset,
        `tensor ${quoteName(name)} of shape [${shape.join(', ')}] and dtype ${dtype} does not end on a whole byte`,
      );
    }
    if (bits / 8 !== end - begin) {
      throw this.#error(
        'E-SAFETENSORS-SHAPE',
        offset,
        `tensor ${quoteName(name)} of shape [${shape.join(', ')}] and dtype ${dtype} needs ${bits / 8} bytes, its data_offsets [${begin}, ${end}] hold ${end - begin}`,
      );
    }
  }

  #duplicate(offset: number, what: string): never {
    throw this.#error('E-SAFETENSORS-DUPLICATE', offset, `${what} appears twice`);
  }

  #limit(offset: number, what: string): never {
    throw this.#error('E-SAFETENSORS-LIMIT', offset, what);
  }

  #error(code: ErrorCode, offset: number, what: string): QatError {
    return makeError(code, this.#path, offset, what);
  }
}

/** Tensors in file order; they must cover the data part without gap or overlap. */
function tile(
  path: string,
  entries: Entry[],
  dataBytes: number,
  dataStart: number,
): Map<string, SafetensorsTensorInfo> {
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  const tensors = new Map<string, SafetensorsTensorInfo>();
  let position = 0;
  let previous = 'the start of the data';
  for (const { name, offset, dtype, shape, begin, end } of entries) {
    if (begin < position) {
      throw makeError(
        'E-SAFETENSORS-OFFSETS',
        path,
        offset,
        `tensor ${quoteName(name)} begins at ${begin} and overlaps ${previous}, which ends at ${position}`,
      );
    }
    if (begin > position) {
      throw makeError(
        'E-SAFETENSORS-OFFSETS',
        path,
        offset,
        `${begin - position} bytes between ${previous} and tensor ${quoteName(name)} belong to no tensor`,
      );
    }
    tensors.set(name, { dtype, shape, begin, end });
    position = end;
    previous = `tensor ${quoteName(name)}`;
  }
  assertCovered(path, position, dataBytes, dataStart);
  return tensors;
}

function assertCovered(path: string, position: number, dataBytes: number, dataStart: number): void {
  if (position > dataBytes) {
    throw new QatError(
      'E-SAFETENSORS-TRUNCATED',
      `${path}: the file ends at byte ${dataStart + dataBytes}, its tensors need ${dataStart + position}: ${position - dataBytes} bytes are missing.`,
      'The download or copy stopped early. Download or copy the file again.',
    );
  }
  if (position < dataBytes) {
    throw new QatError(
      'E-SAFETENSORS-OFFSETS',
      `${path}: ${dataBytes - position} bytes after the last tensor, from byte ${dataStart + position}, belong to no tensor.`,
      damagedRemedy,
    );
  }
}
