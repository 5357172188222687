import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { detectPath } from './detect.js';
import { encodeIdx, gzipDeterministic } from './idx-writer.js';
import { encodeSafetensors } from './safetensors-writer.js';
import { hashFile } from './sha256.js';
import { failureOf, withTemporaryFolder } from './test-support.js';

describe('detectPath', () => {
  it('goes by content', async () => {
    await withTemporaryFolder(async (folder) => {
      const write = async (name: string, bytes: Uint8Array | string) => {
        await writeFile(join(folder, name), bytes);
        return join(folder, name);
      };
      const model = await encodeSafetensors([
        { name: 'a', dtype: 'U8', shape: [1], data: new Uint8Array(1) },
      ]);
      expect((await detectPath(await write('model.bin', model))).kind).toBe('safetensors');
      expect((await detectPath(await write('broken.safetensors', 'x'))).kind).toBe('safetensors');
      const idx = encodeIdx([1], Uint8Array.of(1));
      expect(await detectPath(await write('labels', idx))).toEqual({ kind: 'idx-folder', path: folder });
      const zipped = await write('t10k-labels-idx1-ubyte.gz', gzipDeterministic(idx));
      expect(await detectPath(zipped)).toEqual({ kind: 'idx-folder', path: folder });
      expect(await detectPath(folder)).toEqual({ kind: 'idx-folder', path: folder });
      const project = await write('project.json', '{}');
      expect(await detectPath(project)).toEqual({ kind: 'project', path: folder });
      expect(await detectPath(folder)).toEqual({ kind: 'project', path: folder });
    });
  });

  it('refuses pickles with a command to convert them, whatever they are called', async () => {
    await withTemporaryFolder(async (folder) => {
      const zip = Buffer.concat([
        Buffer.from('PK\x03\x04'),
        Buffer.alloc(30),
        Buffer.from('archive/data.pkl'),
      ]);
      const bare = Buffer.from([0x80, 2, 0x8a, 0x0a]);
      for (const [name, bytes] of [
        ["it's.pt", zip],
        ['renamed.safetensors', zip],
        ['old.bin', bare],
      ] as const) {
        await writeFile(join(folder, name), bytes);
        const error = await failureOf(detectPath(join(folder, name)));
        expect(error.code).toBe('E-FILE-FORMAT-UNKNOWN');
        expect(error.message).toMatch(/pickle/);
        expect(error.remedy).toMatch(/python3 -c ".*save_file/);
      }
      // A quote in the name must not end the quoted argument.
      expect((await failureOf(detectPath(join(folder, "it's.pt")))).remedy).toContain("it'\\''s.pt'");
    });
  });

  it('names what it knows for everything else', async () => {
    await withTemporaryFolder(async (folder) => {
      await mkdir(join(folder, 'empty'));
      await writeFile(join(folder, 'a.gguf'), 'GGUF\x03\0\0\0\0\0\0\0');
      await writeFile(join(folder, 'nothing'), '');
      for (const [name, message] of [
        ['empty', /without a project/],
        ['a.gguf', /GGUF/],
        ['nothing', /is empty/],
      ] as const) {
        const error = await failureOf(detectPath(join(folder, name)));
        expect(error.code).toBe('E-FILE-FORMAT-UNKNOWN');
        expect(error.message).toMatch(message);
        expect(error.remedy).toMatch(/\.safetensors models/);
      }
      expect((await failureOf(detectPath(join(folder, 'none')))).code).toBe('E-FILE-MISSING');
      expect((await failureOf(detectPath('/dev/null'))).code).toBe('E-FILE-NOT-A-FILE');
    });
  });
});

describe('hashFile', () => {
  it('hashes in pieces, reports progress, stops when cancelled', async () => {
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, 'large');
      const bytes = Buffer.alloc(2_500_000, 'qat');
      await writeFile(path, bytes);
      const seen: number[] = [];
      const { sha256, sizeBytes } = await hashFile(path, { onProgress: (done) => seen.push(done) });
      expect(sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
      expect(sizeBytes).toBe(bytes.length);
      expect(seen).toEqual([1_048_576, 2_097_152, 2_500_000]);
      const cancel = new AbortController();
      const stopped = hashFile(path, { signal: cancel.signal, onProgress: () => cancel.abort() });
      expect((await failureOf(stopped)).code).toBe('E-CANCELLED');
      expect((await failureOf(hashFile(folder))).code).toBe('E-FILE-NOT-A-FILE');
    });
  });
});
