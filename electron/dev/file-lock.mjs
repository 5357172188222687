/** A lock between processes: two starts at once must not build or unpack in the same folder. */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from './say.mjs';

/** Writing a lock or taking one over lasts microseconds; older than this, the process died in it. */
const abandonedMs = 10_000;

/**
 * Runs `work` while holding `path`, a file that contains the holder's process id.
 * @template T
 * @param {string} path
 * @param {() => Promise<T>} work
 * @param {{ timeoutMs?: number, onWait?: (pid: number) => void }} [options]
 * @returns {Promise<T>}
 */
export async function withFileLock(path, work, options = {}) {
  const { timeoutMs = 40 * 60_000, onWait } = options;
  mkdirSync(dirname(path), { recursive: true });
  const deadline = Date.now() + timeoutMs;
  let told = false;
  while (!create(path)) {
    const pid = holder(path);
    if (pid === undefined ? isAbandoned(path) : !isAlive(pid)) {
      takeOver(path, pid);
      continue;
    }
    if (pid !== undefined && !told) {
      told = true;
      onWait?.(pid);
    }
    if (Date.now() > deadline) {
      throw new SetupError(
        `${path} has been held by process ${pid ?? '?'} for too long`,
        'End that process, or delete the file.',
      );
    }
    await sleep(100);
  }
  const release = () => rmSync(path, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}

/** @param {string} path */
function create(path) {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * @param {string} path
 * @returns {number | undefined} undefined while it is being written or has just gone
 */
function holder(path) {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
    return Number.isNaN(pid) ? undefined : pid;
  } catch {
    return undefined;
  }
}

/** @param {string} path */
function isAbandoned(path) {
  try {
    return Date.now() - statSync(path).mtimeMs > abandonedMs;
  } catch {
    return false;
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

/**
 * Removes the lock of a dead process. Guarded by a second file, or two waiting processes could see the dead
 * holder and the slower one would remove the lock that the faster one has just made.
 * @param {string} path
 * @param {number | undefined} deadPid
 */
function takeOver(path, deadPid) {
  const guard = `${path}.takeover`;
  if (!create(guard)) {
    if (isAbandoned(guard)) rmSync(guard, { force: true });
    return;
  }
  if (holder(path) === deadPid) rmSync(path, { force: true });
  rmSync(guard, { force: true });
}
