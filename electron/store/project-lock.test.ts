import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { failureOf, withTemporaryFolder } from '../formats/test-support.js';
import { lockProject, type ProjectLock } from './project-lock.js';

const owner = (changes: object) =>
  JSON.stringify({ pid: process.pid, startedAt: 'earlier boot:1', host: hostname(), token: 'x', ...changes });

/** How many of `count` simultaneous tries win; all winners release. */
async function race(folder: string, count: number): Promise<number> {
  const results = await Promise.allSettled(Array.from({ length: count }, () => lockProject(folder)));
  const winners = results.filter(
    (result): result is PromiseFulfilledResult<ProjectLock> => result.status === 'fulfilled',
  );
  for (const result of results) {
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'E-PROJECT-LOCKED' });
  }
  for (const winner of winners) await winner.value.release();
  return winners.length;
}

it('200 races for a free folder: one owner each', async () => {
  await withTemporaryFolder(async (folder) => {
    for (let i = 0; i < 200; i++) expect(await race(folder, 5)).toBe(1);
  });
}, 120_000);

it('200 races for a stale lock: never two owners, and the lock can be had afterwards', async () => {
  await withTemporaryFolder(async (folder) => {
    for (let i = 0; i < 200; i++) {
      await writeFile(join(folder, 'project.lock'), owner({}));
      expect(await race(folder, 5)).toBe(1);
    }
    await (await lockProject(folder)).release();
  });
}, 120_000);

it('the lock of a process that was killed is taken over; of one that lives, or on another machine, not', async () => {
  await withTemporaryFolder(async (folder) => {
    const lock = join(folder, 'project.lock');
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const pid = child.pid as number;
    await writeFile(lock, owner({ pid, startedAt: null }));
    expect((await failureOf(lockProject(folder))).message).toContain(`process ${pid}`);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await (await lockProject(folder)).release();
    await writeFile(lock, owner({ pid, host: 'another-machine' }));
    expect((await failureOf(lockProject(folder))).message).toContain('another-machine');
  });
});

it.runIf(process.platform === 'linux')(
  'a later process of the same number is not mistaken for the owner',
  async () => {
    await withTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'project.lock'), owner({ pid: process.pid }));
      await (await lockProject(folder)).release();
    });
  },
);

it('an unreadable lock counts for ten seconds, then not', async () => {
  await withTemporaryFolder(async (folder) => {
    const lock = join(folder, 'project.lock');
    await writeFile(lock, '');
    expect((await failureOf(lockProject(folder))).code).toBe('E-PROJECT-LOCKED');
    const old = new Date(Date.now() - 60_000);
    await utimes(lock, old, old);
    await (await lockProject(folder)).release();
  });
});

it('release leaves the lock of somebody else alone', async () => {
  await withTemporaryFolder(async (folder) => {
    const lock = await lockProject(folder);
    await writeFile(join(folder, 'project.lock'), owner({ token: 'theirs' }));
    await lock.release();
    expect(await readFile(join(folder, 'project.lock'), 'utf8')).toContain('theirs');
  });
});
