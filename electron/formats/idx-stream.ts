/** The bytes of one IDX file: header checked before anything is allocated or unpacked for it. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { QatError } from '../contract/errors.js';
import { errnoOf, throwIfCancelled } from './file-errors.js';
import { allocateBytes, type RegularFile, withRegularFile } from './regular-file.js';

export const idxLimits = {
  /** Uncompressed; the full Fashion-MNIST training images are 47 040 016. */
  fileBytes: 1024 * 1024 * 1024,
} as const;

/** Deflate cannot expand further than this, so a larger claim needs no allocation to be refused. */
const deflateRatioMax = 1032;
const pieceBytes = 256 * 1024;

export interface IdxBody {
  readonly sizes: readonly number[];
  readonly data: Uint8Array;
}

const typeNames: ReadonlyMap<number, string> = new Map([
  [0x08, 'uint8'],
  [0x09, 'int8'],
  [0x0b, 'int16'],
  [0x0c, 'int32'],
  [0x0d, 'float32'],
  [0x0e, 'float64'],
]);

/** Reads the uint8 IDX file `path` of `dimensions` dimensions. @throws E-FILE-*, E-IDX-*, E-GZIP */
export async function readIdxBody(
  path: string,
  dimensions: number,
  signal: AbortSignal | undefined,
): Promise<IdxBody> {
  return withRegularFile(path, async (file) => {
    const start = Buffer.alloc(2);
    const gzipped = (await file.readSome(start, 0)) === 2 && start[0] === 0x1f && start[1] === 0x8b;
    const availableMax = gzipped ? file.sizeBytes * deflateRatioMax : file.sizeBytes;
    const collector = new IdxCollector(path, dimensions, availableMax);
    if (gzipped) await unpack(file, collector, signal);
    else for await (const piece of filePieces(file, signal)) collector.add(piece);
    await file.assertUnchanged(file.identity);
    return collector.finish();
  });
}

async function* filePieces(file: RegularFile, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  for (let position = 0; position < file.sizeBytes; ) {
    throwIfCancelled(signal);
    const piece = Buffer.allocUnsafe(Math.min(pieceBytes, file.sizeBytes - position));
    await file.readInto(piece, position);
    yield piece;
    position += piece.length;
  }
}

async function unpack(
  file: RegularFile,
  collector: IdxCollector,
  signal: AbortSignal | undefined,
): Promise<void> {
  const gunzip = createGunzip({ chunkSize: pieceBytes });
  let refusal: unknown;
  try {
    await pipeline(
      Readable.from(filePieces(file, signal)),
      gunzip,
      async (pieces: AsyncIterable<Uint8Array>) => {
        for await (const piece of pieces) {
          try {
            collector.add(piece);
          } catch (thrown) {
            // As soon as more arrives than the IDX header announced, the unpacking stops. The pipeline may
            // then report that it stopped in place of why.
            refusal = thrown;
            throw thrown;
          }
        }
      },
    );
  } catch (thrown) {
    if (refusal !== undefined) throw refusal;
    const code = errnoOf(thrown);
    if (code === 'Z_BUF_ERROR') throw collector.truncated('the gzip data stops early');
    if (!code?.startsWith('Z_')) throw thrown;
    throw new QatError(
      'E-GZIP',
      `${file.path}: the gzip data is damaged after ${collector.received} unpacked bytes (${(thrown as Error).message}).`,
      'Download or copy the file again.',
      { cause: thrown },
    );
  }
}

/** Takes the file's bytes in any pieces; the first few decide how many there must be. */
class IdxCollector {
  received = 0;
  readonly #path: string;
  readonly #header: Buffer;
  readonly #dimensions: number;
  readonly #availableMax: number;
  #sizes: number[] | undefined;
  #data = new Uint8Array(0);

  constructor(path: string, dimensions: number, availableMax: number) {
    this.#path = path;
    this.#dimensions = dimensions;
    this.#availableMax = availableMax;
    this.#header = Buffer.alloc(4 + 4 * dimensions);
  }

  add(piece: Uint8Array): void {
    let rest = piece;
    const headerBytes = this.#header.length;
    if (this.received < headerBytes) {
      const part = rest.subarray(0, headerBytes - this.received);
      this.#header.set(part, this.received);
      this.received += part.length;
      rest = rest.subarray(part.length);
      if (this.received >= 4) this.#checkMagic();
      if (this.received < headerBytes) return;
      this.#begin();
    }
    const position = this.received - headerBytes;
    if (position + rest.length > this.#data.length) {
      throw new QatError(
        'E-IDX-SHAPE',
        `${this.#path}: byte ${headerBytes + this.#data.length}: more bytes follow, expected the end for sizes ${this.#sizeText()}.`,
        'The file is damaged or its header is wrong. Download it again.',
      );
    }
    this.#data.set(rest, position);
    this.received += rest.length;
  }

  finish(): IdxBody {
    const total = this.#header.length + this.#data.length;
    if (this.#sizes === undefined || this.received < total) throw this.truncated('the file ends');
    return { sizes: this.#sizes, data: this.#data };
  }

  truncated(how: string): QatError {
    const expected = this.#sizes
      ? `${this.#header.length + this.#data.length} for sizes ${this.#sizeText()}`
      : `at least ${this.#header.length} for the header`;
    return new QatError(
      'E-IDX-TRUNCATED',
      `${this.#path}: byte ${this.received}: ${how}, expected ${expected} bytes.`,
      'The download or copy stopped early. Download or copy the file again.',
    );
  }

  #checkMagic(): void {
    const [zero0, zero1, type = 0, dimensions] = this.#header;
    if (zero0 === 0 && zero1 === 0 && type === 0x08 && dimensions === this.#dimensions) return;
    const found = this.#header.toString('hex', 0, 4).replace(/(..)(?=.)/g, '$1 ');
    const typeName = zero0 === 0 && zero1 === 0 ? typeNames.get(type) : undefined;
    const meaning = typeName ? ` (${typeName}, ${dimensions} dimensions)` : '';
    throw new QatError(
      'E-IDX-MAGIC',
      `${this.#path}: byte 0: the file starts with ${found}${meaning}, expected 00 00 08 0${this.#dimensions} (uint8, ${this.#dimensions} dimensions).`,
      this.#dimensions === 3
        ? 'Choose an IDX file of images (…-images-idx3-ubyte); labels and images may be swapped.'
        : 'Choose an IDX file of labels (…-labels-idx1-ubyte); labels and images may be swapped.',
    );
  }

  #begin(): void {
    const sizes: number[] = [];
    let product = 1;
    for (let i = 0; i < this.#dimensions; i++) {
      const size = this.#header.readUInt32BE(4 + 4 * i);
      sizes.push(size);
      product *= size;
      if (size === 0) {
        throw new QatError(
          'E-IDX-SHAPE',
          `${this.#path}: byte ${4 + 4 * i}: dimension ${i} is 0, expected at least 1.`,
          'The file holds nothing. Choose another one.',
        );
      }
      if (product > idxLimits.fileBytes) {
        throw new QatError(
          'E-IDX-LIMIT',
          `${this.#path}: byte ${4 + 4 * i}: sizes ${sizes.join('×')} are above the limit of ${idxLimits.fileBytes} bytes.`,
          'The file is damaged, or too large for this version.',
        );
      }
    }
    this.#sizes = sizes;
    const total = this.#header.length + product;
    if (total > this.#availableMax) {
      throw new QatError(
        'E-IDX-TRUNCATED',
        `${this.#path}: byte 4: sizes ${this.#sizeText()} need ${total} bytes, the file can hold at most ${this.#availableMax}.`,
        'The download or copy stopped early, or the header is wrong. Download or copy the file again.',
      );
    }
    this.#data = new Uint8Array(allocateBytes(this.#path, product));
  }

  #sizeText(): string {
    return this.#sizes?.join('×') ?? '';
  }
}
