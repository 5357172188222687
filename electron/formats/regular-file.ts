/** Opening and reading a regular file whose every property may change under us. */
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { QatError } from '../contract/errors.js';
import { notAFileError, throwIfCancelled, toReadError } from './file-errors.js';
import type { FileIdentity } from './safetensors-types.js';

/** Largest single read: keeps cancelling prompt and stays below the 2 GiB limit of one system call. */
const readChunkBytes = 16 * 1024 * 1024;

export interface RegularFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly identity: FileIdentity;
  /** Fills `target` from `position`. @throws E-FILE-CHANGED when the file has become shorter. */
  readInto(target: Uint8Array, position: number, signal?: AbortSignal): Promise<void>;
  /** Up to `target.length` bytes; 0 at the end of the file. */
  readSome(target: Uint8Array, position: number): Promise<number>;
  /** @throws E-FILE-CHANGED when the open file differs from `identity`. */
  assertUnchanged(identity: FileIdentity): Promise<void>;
}

/**
 * Opens `path`, passes it to `use` and always closes it. Symbolic links are followed. Folders, pipes,
 * sockets and devices are refused without ever blocking on them.
 * @throws E-FILE-MISSING, E-FILE-NOT-A-FILE, E-FILE-UNREADABLE and whatever `use` throws.
 */
export async function withRegularFile<T>(path: string, use: (file: RegularFile) => Promise<T>): Promise<T> {
  let handle: FileHandle | undefined;
  try {
    // Looked at before it is opened: opening a device can have effects, opening a pipe can block.
    assertRegular(path, await stat(path, { bigint: true }));
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stats = await handle.stat({ bigint: true });
    assertRegular(path, stats);
    return await use(makeRegularFile(path, handle, stats));
  } catch (thrown) {
    throw toReadError(path, thrown);
  } finally {
    await handle?.close();
  }
}

function assertRegular(path: string, stats: BigIntStats): void {
  if (stats.isFile()) {
    if (stats.size > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new QatError('E-FILE-TOO-LARGE', `${path} claims ${stats.size} bytes.`, 'Check the file system.');
    }
    return;
  }
  if (stats.isDirectory()) throw notAFileError(path, 'a folder');
  if (stats.isFIFO()) throw notAFileError(path, 'a named pipe');
  if (stats.isSocket()) throw notAFileError(path, 'a socket');
  throw notAFileError(path, 'a device');
}

function identityOf(stats: BigIntStats): FileIdentity {
  return {
    device: stats.dev,
    inode: stats.ino,
    sizeBytes: Number(stats.size),
    modifiedNs: stats.mtimeNs,
  };
}

function makeRegularFile(path: string, handle: FileHandle, stats: BigIntStats): RegularFile {
  const readSome = async (target: Uint8Array, position: number): Promise<number> => {
    const { bytesRead } = await handle.read(target, 0, target.length, position);
    return bytesRead;
  };
  return {
    path,
    sizeBytes: Number(stats.size),
    identity: identityOf(stats),
    readSome,
    async readInto(target, position, signal) {
      let done = 0;
      while (done < target.length) {
        throwIfCancelled(signal);
        const part = target.subarray(done, Math.min(done + readChunkBytes, target.length));
        const count = await readSome(part, position + done);
        if (count === 0) throw changedError(path, `it ends at byte ${position + done}`);
        done += count;
      }
    },
    async assertUnchanged(identity) {
      const now = identityOf(await handle.stat({ bigint: true }));
      if (now.sizeBytes !== identity.sizeBytes) {
        throw changedError(path, `it had ${identity.sizeBytes} bytes and has ${now.sizeBytes} now`);
      }
      if (now.modifiedNs !== identity.modifiedNs) throw changedError(path, 'it was written to');
      if (now.inode !== identity.inode || now.device !== identity.device) {
        throw changedError(path, 'another file took its place');
      }
    },
  };
}

function changedError(path: string, how: string): QatError {
  return new QatError(
    'E-FILE-CHANGED',
    `${path} changed since it was opened: ${how}.`,
    'Wait until the program that writes it has finished, then open the file again.',
  );
}

/** A zeroed buffer, or E-OUT-OF-MEMORY in place of an untyped RangeError. */
export function allocateBytes(path: string, sizeBytes: number): ArrayBuffer {
  try {
    return new ArrayBuffer(sizeBytes);
  } catch (thrown) {
    throw new QatError(
      'E-OUT-OF-MEMORY',
      `${path}: no memory for ${sizeBytes} bytes.`,
      'Close other projects or programs, or open a smaller file.',
      { cause: thrown },
    );
  }
}
