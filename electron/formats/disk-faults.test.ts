/** A full and a read-only disk, for real where a small file system may be mounted (Linux, root). */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeSafetensors } from './safetensors-writer.js';
import { failureOf, withSmallDisk, withTemporaryFolder } from './test-support.js';

const large = { name: 'w', dtype: 'U8' as const, shape: [200_000], data: new Uint8Array(200_000) };
const small = { name: 'w', dtype: 'U8' as const, shape: [100], data: new Uint8Array(100) };

it('a full disk: E-DISK-FULL, the old file whole, nothing half-written, and a retry works', async (context) => {
  await withTemporaryFolder(async (folder) => {
    const reason = await withSmallDisk(folder, 64, async () => {
      const path = join(folder, 'model.safetensors');
      await writeFile(path, 'old');
      const error = await failureOf(writeSafetensors(path, [large]));
      expect(error.code).toBe('E-DISK-FULL');
      expect(error.message).toContain(path);
      expect(error.remedy).toMatch(/Free some space/);
      expect(await readFile(path, 'utf8')).toBe('old');
      expect(await readdir(folder)).toEqual(['model.safetensors']);
      await writeSafetensors(path, [small]);
    });
    if (reason !== undefined) context.skip(reason);
  });
});

it('a read-only disk: E-DISK-READ-ONLY and nothing written', async (context) => {
  await withTemporaryFolder(async (folder) => {
    const reason = await withSmallDisk(folder, 64, async (remountReadOnly) => {
      remountReadOnly();
      const error = await failureOf(writeSafetensors(join(folder, 'model.safetensors'), [small]));
      expect(error.code).toBe('E-DISK-READ-ONLY');
      expect(error.message).toMatch(/EROFS/);
      expect(await readdir(folder)).toEqual([]);
    });
    if (reason !== undefined) context.skip(reason);
  });
});

it.runIf(process.platform === 'linux')('a folder that nobody may write to, root included', async () => {
  // procfs takes no files from anyone, so this holds for root, whom permission bits do not stop.
  const error = await failureOf(writeSafetensors('/proc/model.safetensors', [small]));
  expect(error.code).toMatch(/^E-DISK-/);
  await rm('/proc/model.safetensors', { force: true }).catch(() => undefined);
});
