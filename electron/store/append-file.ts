/**
 * A file that only grows, line by line. Appends made while a write is on its way are joined into the next
 * one, so a burst costs one flush, and an append is acknowledged only when its bytes are where they must be.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { writeAll } from '../formats/atomic-file.js';
import { toWriteError } from '../formats/file-errors.js';

interface Waiting {
  readonly bytes: Uint8Array;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

const tailPieceBytes = 64 * 1024;

export class AppendFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #flush: boolean;
  /** Length up to which the file is whole; a failed write is cut back to it. */
  #goodBytes: number;
  #damaged = false;
  #waiting: Waiting[] = [];
  #pumping: Promise<void> | undefined;

  private constructor(path: string, handle: FileHandle, goodBytes: number, flush: boolean) {
    this.#path = path;
    this.#handle = handle;
    this.#goodBytes = goodBytes;
    this.#flush = flush;
  }

  /**
   * Opens or creates `path`; a last line without its end is cut off.
   * @param flush whether an append is acknowledged only after it has reached the disk; without it, it
   *   survives the death of the process but not a power cut
   * @throws E-DISK-*
   */
  static async open(path: string, flush: boolean): Promise<AppendFile> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT);
      const { size } = await handle.stat();
      const goodBytes = await findLastLineEnd(handle, size);
      if (goodBytes < size) await handle.truncate(goodBytes);
      return new AppendFile(path, handle, goodBytes, flush);
    } catch (thrown) {
      await handle?.close();
      throw toWriteError(path, thrown);
    }
  }

  get sizeBytes(): number {
    return this.#goodBytes;
  }

  /** @throws E-DISK-*; the file is then as it was before this append */
  append(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ bytes, resolve, reject });
      this.#pumping ??= this.#pump();
    });
  }

  async #pump(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#write(Buffer.concat(batch.map((waiting) => waiting.bytes)));
        for (const waiting of batch) waiting.resolve();
      } catch (thrown) {
        for (const waiting of batch) waiting.reject(toWriteError(this.#path, thrown));
      }
    }
    this.#pumping = undefined;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (this.#damaged) await this.#cutBack();
    try {
      await writeAll(this.#handle, bytes);
      if (this.#flush) await this.#handle.datasync();
      this.#goodBytes += bytes.length;
    } catch (thrown) {
      this.#damaged = true;
      await this.#cutBack().catch(() => undefined);
      throw thrown;
    }
  }

  async #cutBack(): Promise<void> {
    await this.#handle.truncate(this.#goodBytes);
    this.#damaged = false;
  }

  /** Waits for pending appends, flushes and closes. */
  async close(): Promise<void> {
    await this.#pumping;
    try {
      await this.#handle.datasync();
    } catch (thrown) {
      throw toWriteError(this.#path, thrown);
    } finally {
      await this.#handle.close();
    }
  }
}

async function findLastLineEnd(handle: FileHandle, size: number): Promise<number> {
  const piece = Buffer.alloc(tailPieceBytes);
  for (let end = size; end > 0; ) {
    const begin = Math.max(0, end - tailPieceBytes);
    const { bytesRead } = await handle.read(piece, 0, end - begin, begin);
    const index = piece.subarray(0, bytesRead).lastIndexOf(0x0a);
    if (index >= 0) return begin + index + 1;
    end = begin;
  }
  return 0;
}
