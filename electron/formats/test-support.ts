/** Shared by the tests of formats and store. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QatError } from '../contract/errors.js';

export async function withTemporaryFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'qat-test-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The `QatError` that `promise` rejects with; anything else fails the test. */
export async function failureOf(promise: Promise<unknown>): Promise<QatError> {
  try {
    await promise;
  } catch (thrown) {
    if (thrown instanceof QatError) return thrown;
    throw thrown;
  }
  throw new Error('expected a QatError, the promise resolved');
}

/**
 * A small file system of its own, mounted over `folder` for the duration of `use`. Returns why it could not
 * be mounted (not root, not Linux, not permitted), undefined when `use` ran.
 */
export async function withSmallDisk(
  folder: string,
  sizeKib: number,
  use: (remountReadOnly: () => void) => Promise<void>,
): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'mounting a small disk needs Linux';
  const mounted = run('mount', ['-t', 'tmpfs', '-o', `size=${sizeKib}k`, 'tmpfs', folder]);
  if (mounted !== undefined) return `mount was refused: ${mounted}`;
  try {
    await use(() => {
      const failure = run('mount', ['-o', 'remount,ro', folder]);
      if (failure !== undefined) throw new Error(`remount was refused: ${failure}`);
    });
  } finally {
    run('umount', [folder]);
  }
  return undefined;
}

function run(command: string, commandArguments: string[]): string | undefined {
  const result = spawnSync(command, commandArguments, { encoding: 'utf8' });
  if (result.status === 0) return undefined;
  return (result.error?.message ?? result.stderr).trim() || `status ${result.status}`;
}

/** Names in `folder` that writing leaves behind when it goes wrong. */
export async function leftovers(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith('.qat-'));
}

/** A file of a header as given, without any check, and `dataBytes` zeros. */
export function rawSafetensors(header: string | Uint8Array, dataBytes = 0, headerLength?: bigint): Buffer {
  const json = Buffer.from(header as string);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(headerLength ?? BigInt(json.length));
  return Buffer.concat([prefix, json, Buffer.alloc(dataBytes)]);
}
