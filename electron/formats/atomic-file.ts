/**
 * Old or new, never mixed: content goes to a temporary file in the same folder, is flushed to the disk,
 * takes the final name in one step, and the folder is flushed so that the name survives a power cut too.
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, open, readdir, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf, throwIfCancelled, toWriteError } from './file-errors.js';

export type FileContent = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

export interface AtomicWriteOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * Called with the flushed temporary file before it takes the final name. When it throws, the file is
   * removed and whatever had the name before stays: a file that fails its proof never appears.
   */
  readonly verify?: ((temporaryPath: string) => Promise<void>) | undefined;
}

const temporaryPattern = /^\.qat-[0-9a-f]{16}\.tmp$/;
const writeChunkBytes = 16 * 1024 * 1024;

/**
 * Writes `path` whole or not at all. On any failure the temporary file is removed.
 * @throws E-DISK-FULL, E-DISK-READ-ONLY, E-DISK-WRITE, E-CANCELLED, and whatever the content or `verify` throws.
 */
export async function writeFileAtomic(
  path: string,
  content: FileContent,
  options: AtomicWriteOptions = {},
): Promise<void> {
  const folder = dirname(path);
  // Short and independent of the final name, which may already be as long as the system allows.
  const temporaryPath = join(folder, `.qat-${randomBytes(8).toString('hex')}.tmp`);
  let created = false;
  try {
    throwIfCancelled(options.signal);
    const handle = await open(temporaryPath, 'wx');
    created = true;
    try {
      await writeContent(handle, content, options.signal);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await options.verify?.(temporaryPath);
    throwIfCancelled(options.signal);
    await rename(temporaryPath, path);
    created = false;
    await syncFolder(folder);
  } catch (thrown) {
    if (created) await unlink(temporaryPath).catch(() => undefined);
    throw toWriteError(path, thrown);
  }
}

async function writeContent(
  handle: FileHandle,
  content: FileContent,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (typeof content === 'string') return writeAll(handle, Buffer.from(content), signal);
  if (content instanceof Uint8Array) return writeAll(handle, content, signal);
  for await (const chunk of content) await writeAll(handle, chunk, signal);
}

/** Writes at the handle's position, in pieces small enough to notice a cancel. */
export async function writeAll(
  handle: FileHandle,
  bytes: Uint8Array,
  signal?: AbortSignal | undefined,
): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    throwIfCancelled(signal);
    const length = Math.min(bytes.length - done, writeChunkBytes);
    done += (await handle.write(bytes, done, length, null)).bytesWritten;
  }
}

/** Makes a new, renamed or removed name in `folder` durable. Windows has no such call and needs none. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch (thrown) {
    // Some network file systems cannot flush a folder; the rename itself has happened.
    if (errnoOf(thrown) !== 'EINVAL' && errnoOf(thrown) !== 'ENOTSUP') throw thrown;
  } finally {
    await handle.close();
  }
}

/** Removes what a killed process left behind in `folder`. Call only where no other process writes. */
export async function removeStaleTemporaryFiles(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (temporaryPattern.test(name)) await unlink(join(folder, name)).catch(() => undefined);
  }
}
