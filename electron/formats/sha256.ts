/** SHA-256 of a file, read in pieces. */
import { createHash } from 'node:crypto';
import { throwIfCancelled } from './file-errors.js';
import { withRegularFile } from './regular-file.js';

export interface HashOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes hashed so far and in all. */
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
}

export interface FileHash {
  /** Lower-case hexadecimal. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

const pieceBytes = 1024 * 1024;

/** @throws E-FILE-MISSING, E-FILE-NOT-A-FILE, E-FILE-UNREADABLE, E-FILE-CHANGED, E-CANCELLED */
export async function hashFile(path: string, options: HashOptions = {}): Promise<FileHash> {
  return withRegularFile(path, async (file) => {
    const hash = createHash('sha256');
    const piece = Buffer.allocUnsafe(pieceBytes);
    for (let done = 0; done < file.sizeBytes; ) {
      throwIfCancelled(options.signal);
      const part = piece.subarray(0, Math.min(pieceBytes, file.sizeBytes - done));
      await file.readInto(part, done);
      hash.update(part);
      done += part.length;
      options.onProgress?.(done, file.sizeBytes);
    }
    await file.assertUnchanged(file.identity);
    return { sha256: hash.digest('hex'), sizeBytes: file.sizeBytes };
  });
}
