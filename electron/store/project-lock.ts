/**
 * One owner per project folder: `project.lock` names the process that has it open. The lock of a process
 * that has died is taken over; a process is told from a later one of the same number by its start time.
 */
import { randomUUID } from 'node:crypto';
import { link, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { QatError } from '../contract/errors.js';
import { errnoOf, toWriteError } from '../formats/file-errors.js';

const ownerSchema = z.strictObject({
  pid: z.int().positive(),
  /** Identifies this very process where the system tells; null elsewhere. */
  startedAt: z.string().max(200).nullable(),
  host: z.string().max(255),
  token: z.string().max(64),
});
type Owner = z.infer<typeof ownerSchema>;

/** A lock that cannot be read belongs to someone for this long: it may just be being written. */
const unreadableGraceMs = 10_000;

export interface ProjectLock {
  /** Gives the folder free. Never throws: a lock that stays behind is stale once this process ends. */
  release(): Promise<void>;
}

/** @throws E-PROJECT-LOCKED when a living process has the project open, E-DISK-* */
export async function lockProject(folder: string): Promise<ProjectLock> {
  const lockPath = join(folder, 'project.lock');
  const token = randomUUID();
  const ownPath = join(folder, `.qat-lock-${token}`);
  const owner: Owner = {
    pid: process.pid,
    startedAt: await processStart(process.pid),
    host: hostname(),
    token,
  };
  try {
    await writeFile(ownPath, JSON.stringify(owner), { flag: 'wx' });
    if (!(await tryLink(ownPath, lockPath))) await takeOver(folder, lockPath, ownPath);
  } catch (thrown) {
    throw toWriteError(lockPath, thrown);
  } finally {
    await unlink(ownPath).catch(() => undefined);
  }
  return {
    async release() {
      const current = await readOwner(lockPath).catch(() => undefined);
      if (current !== 'unreadable' && current?.token === token) await unlink(lockPath).catch(() => undefined);
    },
  };
}

/** Gives the complete lock its name in one step; false when the name is taken. */
async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (thrown) {
    if (errnoOf(thrown) === 'EEXIST') return false;
    const noHardLinks = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(
      errnoOf(thrown) ?? '',
    );
    if (!noHardLinks) throw thrown;
  }
  // File systems without hard links (FAT, some shares): exclusive creation is all there is.
  try {
    await writeFile(to, await readFile(from), { flag: 'wx' });
    return true;
  } catch (thrown) {
    if (errnoOf(thrown) === 'EEXIST') return false;
    throw thrown;
  }
}

/**
 * Replaces the lock of a dead process. Only the holder of the guard replaces locks, so two processes that
 * find the same stale lock cannot both win.
 */
async function takeOver(folder: string, lockPath: string, ownPath: string): Promise<void> {
  await assertStale(lockPath);
  const guardPath = join(folder, 'project.lock.takeover');
  if (!(await tryLink(ownPath, guardPath))) {
    await assertStale(guardPath);
    await unlink(guardPath).catch(() => undefined);
    throw lockedError(lockPath, 'another process is just opening it');
  }
  try {
    await assertStale(lockPath);
    const next = `${ownPath}-next`;
    await writeFile(next, await readFile(ownPath), { flag: 'wx' });
    await rename(next, lockPath);
  } finally {
    await unlink(guardPath).catch(() => undefined);
  }
}

async function assertStale(path: string): Promise<void> {
  const owner = await readOwner(path);
  if (owner === undefined) return;
  if (owner === 'unreadable') {
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > unreadableGraceMs) return;
    throw lockedError(path, 'its lock cannot be read');
  }
  if (owner.host !== hostname()) throw lockedError(path, `process ${owner.pid} on ${owner.host} has it open`);
  if (await isAlive(owner)) throw lockedError(path, `process ${owner.pid} has it open`);
}

async function readOwner(path: string): Promise<Owner | 'unreadable' | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return undefined;
    throw thrown;
  }
  try {
    return ownerSchema.parse(JSON.parse(text));
  } catch {
    return 'unreadable';
  }
}

async function isAlive(owner: Owner): Promise<boolean> {
  try {
    process.kill(owner.pid, 0);
  } catch (thrown) {
    // EPERM: it lives, but belongs to somebody else.
    if (errnoOf(thrown) !== 'EPERM') return false;
  }
  const startedAt = await processStart(owner.pid);
  return startedAt === null || owner.startedAt === null || startedAt === owner.startedAt;
}

/** Boot and start tick of a process (Linux); null where the system does not tell. */
async function processStart(pid: number): Promise<string | null> {
  try {
    const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    const line = await readFile(`/proc/${pid}/stat`, 'latin1');
    // The program's name, in parentheses, may hold spaces; field 22 is the 20th after it.
    const ticks = line.slice(line.lastIndexOf(')') + 2).split(' ')[19];
    return ticks === undefined ? null : `${bootId}:${ticks}`;
  } catch {
    return null;
  }
}

function lockedError(path: string, who: string): QatError {
  return new QatError(
    'E-PROJECT-LOCKED',
    `The project is open elsewhere: ${who} (${path}).`,
    'Close it there first. If nothing has it open, delete the file project.lock in its folder.',
  );
}
