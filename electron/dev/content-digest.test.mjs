import { mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { contentDigest, readStamp, writeStamp } from './content-digest.mjs';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'qat-digest-'));
  mkdirSync(join(dir, 'src'));
  writeFileSync(join(dir, 'src', 'a.ts'), 'one');
  writeFileSync(join(dir, 'src', 'b.ts'), 'two');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it('does not change with times, and does with content, names, places and what else is named', () => {
  const now = () => contentDigest([join(dir, 'src')]);
  const seen = [now()];
  utimesSync(join(dir, 'src', 'a.ts'), 1, 1);
  expect(now()).toBe(seen[0]);
  writeFileSync(join(dir, 'src', 'a.ts'), 'onf');
  seen.push(now());
  // The same bytes split otherwise over the two files.
  writeFileSync(join(dir, 'src', 'a.ts'), 'onet');
  writeFileSync(join(dir, 'src', 'b.ts'), 'wo');
  seen.push(now());
  renameSync(join(dir, 'src', 'b.ts'), join(dir, 'src', 'c.ts'));
  seen.push(now(), contentDigest([join(dir, 'src')], { extra: ['-O2'] }));
  expect(new Set(seen).size).toBe(5);
});

it('leaves out what is not accepted and takes a folder that does not exist for empty', () => {
  const all = contentDigest([join(dir, 'src'), join(dir, 'none')]);
  expect(contentDigest([join(dir, 'src')])).toBe(all);
  writeFileSync(join(dir, 'src', 'a.test.ts'), 'test');
  expect(contentDigest([join(dir, 'src')], { accept: (name) => !name.endsWith('.test.ts') })).toBe(all);
});

it('reads back a stamp, and takes a damaged one for none', () => {
  const path = join(dir, 'out', 'stamp.json');
  writeStamp(path, { app: 'x' });
  expect(readStamp(path)).toEqual({ app: 'x' });
  writeFileSync(path, '{"app":');
  expect(readStamp(path)).toEqual({});
});
