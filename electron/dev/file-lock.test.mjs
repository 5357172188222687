import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { withFileLock } from './file-lock.mjs';

let dir = '';
let path = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'qat-lock-'));
  path = join(dir, 'lock');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it('lets one in at a time and leaves no file behind, also after a failure', async () => {
  let inside = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++inside);
    await sleep(20);
    --inside;
  };
  await Promise.all([withFileLock(path, work), withFileLock(path, work), withFileLock(path, work)]);
  expect(most).toBe(1);
  await expect(withFileLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(existsSync(path)).toBe(false);
});

it('takes over from a process that was killed', async () => {
  const deadPid = execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' });
  writeFileSync(path, deadPid);
  expect(await withFileLock(path, async () => 'in', { timeoutMs: 2_000 })).toBe('in');
});

it('takes over a lock whose holder died before writing its number', async () => {
  writeFileSync(path, '');
  const minuteAgo = Date.now() / 1000 - 60;
  utimesSync(path, minuteAgo, minuteAgo);
  expect(await withFileLock(path, async () => 'in', { timeoutMs: 2_000 })).toBe('in');
});

it('says who holds it, and gives up in the end', async () => {
  writeFileSync(path, String(process.pid));
  /** @type {number[]} */
  const waitedFor = [];
  const attempt = withFileLock(path, async () => {}, {
    timeoutMs: 250,
    onWait: (pid) => waitedFor.push(pid),
  });
  await expect(attempt).rejects.toThrow('held by process');
  expect(waitedFor).toEqual([process.pid]);
});
