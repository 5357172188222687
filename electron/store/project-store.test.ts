import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { QatError } from '../contract/errors.js';
import { failureOf, leftovers, withSmallDisk, withTemporaryFolder } from '../formats/test-support.js';
import { toFolderName } from './folder-name.js';
import { encodeJournalLine } from './journal.js';
import { createProject, openProject } from './project-store.js';
import { configuration, layerResult, projectInit, runSummary, view } from './test-support.js';

describe('a project', () => {
  it('comes back as it was, closed or not', async () => {
    await withTemporaryFolder(async (base) => {
      const project = await createProject(base, projectInit);
      await project.saveConfiguration(configuration('second', 16));
      await project.saveLayerResults({ second: [layerResult('1')] });
      await project.saveDataset(null, 'still none');
      await project.saveModel({ ...projectInit.model, path: '/moved.safetensors' });
      await project.close();
      const closed = await openProject(project.folder);
      expect(closed.recovered).toBe(false);
      expect(closed.notices).toEqual([]);
      expect(closed.document).toEqual({ ...project.document, closedCleanly: false });
      expect(closed.document.configuration).toMatchObject({
        first: {},
        second: { weight: { groupSize: 16 } },
      });
      expect(closed.document.model.path).toBe('/moved.safetensors');
      await closed.close();
      expect((await failureOf(closed.saveView(view()))).code).toBe('E-PROJECT-NONE');
    });
  });

  it('writes saves of a burst in order and acknowledges each', async () => {
    await withTemporaryFolder(async (base) => {
      const project = await createProject(base, projectInit);
      await Promise.all(Array.from({ length: 300 }, (_, i) => project.saveView(view(String(i)))));
      expect((await readFile(join(project.folder, 'journal.ndjson'), 'utf8')).split('\n').length).toBe(301);
      await project.close();
      const again = await openProject(project.folder);
      expect(again.document.view.selection).toEqual(['299']);
      expect(again.document.lastSeq).toBe(300);
      await again.close();
    });
  });

  it('folds a long journal, and takes an edit larger than a journal line', async () => {
    await withTemporaryFolder(async (base) => {
      const project = await createProject(base, projectInit);
      const wide = Array.from({ length: 4000 }, (_, i) => `layer.${i}`.padEnd(100, '-'));
      for (let i = 0; i < 5; i++) await project.saveView(view(String(i), ...wide));
      const sizes = await Promise.all(
        ['journal.ndjson', 'journal.previous.ndjson'].map((name) =>
          readFile(join(project.folder, name)).then(
            (bytes) => bytes.length,
            () => 0,
          ),
        ),
      );
      expect(Math.max(...sizes)).toBeLessThan(2_000_000);
      const huge = Array.from({ length: 15_000 }, (_, i) => `layer.${i}`.padEnd(100, '-'));
      await project.saveView(view('huge', ...huge));
      // No close: what follows reads what a crash would leave.
      await rm(join(project.folder, 'project.lock'));
      const again = await openProject(project.folder);
      expect(again.document.view.selection.length).toBe(15_001);
      expect(again.recovered).toBe(true);
      await again.close();
      await project.close().catch(() => undefined);
    });
  });

  it('refuses a second owner, and a folder that is no project without touching it', async () => {
    await withTemporaryFolder(async (base) => {
      const project = await createProject(base, projectInit);
      const error = await failureOf(openProject(project.folder));
      expect(error.code).toBe('E-PROJECT-LOCKED');
      expect(error.message).toContain(String(process.pid));
      await project.close();
      await (await openProject(project.folder)).close();
      const empty = join(base, 'empty');
      await mkdir(empty);
      expect((await failureOf(openProject(empty))).code).toBe('E-PROJECT-NONE');
      expect(await readdir(empty)).toEqual([]);
      expect((await failureOf(openProject(join(base, 'none')))).code).toBe('E-PROJECT-NONE');
    });
  });

  it('gives projects of one name folders of their own', async () => {
    await withTemporaryFolder(async (base) => {
      const first = await createProject(base, projectInit);
      const second = await createProject(base, projectInit);
      expect(second.folder).toBe(`${first.folder}-2`);
      await first.close();
      await second.close();
    });
  });

  it('refuses edits that could not be read again', async () => {
    await withTemporaryFolder(async (base) => {
      const project = await createProject(base, projectInit);
      const before = project.document;
      const bad = { tab: 'nowhere', selection: [], runSelection: [] } as unknown as ReturnType<typeof view>;
      expect((await failureOf(project.saveView(bad))).code).toBe('E-REQUEST-INVALID');
      expect(project.document).toBe(before);
      await project.close();
    });
  });
});

describe('bad state on disk', () => {
  async function crashed(use: (folder: string) => Promise<void>) {
    await withTemporaryFolder(async (base) => {
      const project = await createProject(base, projectInit);
      await project.saveView(view('kept'));
      await project.close();
      const again = await openProject(project.folder);
      await again.saveView(view('kept', 'too'));
      await rm(join(project.folder, 'project.lock'));
      await use(project.folder);
      await again.close().catch(() => undefined); // A crash would have freed its files.
    });
  }

  it('project.json cut, flipped, empty, a folder or missing: the backup and the journals give everything', async () => {
    const damage: ((path: string, text: Buffer) => Promise<void>)[] = [
      ...Array.from(
        { length: 16 },
        (_, i) => async (path: string, text: Buffer) =>
          writeFile(path, text.subarray(0, Math.floor((text.length * i) / 17))),
      ),
      (path) => writeFile(path, Buffer.alloc(1000)),
      (path) => writeFile(path, '{"schemaVersion":1}'),
      (path) => rm(path),
      async (path) => {
        await rm(path);
        await mkdir(path);
      },
    ];
    for (const inflict of damage) {
      await crashed(async (folder) => {
        const path = join(folder, 'project.json');
        await inflict(path, await readFile(path));
        const project = await openProject(folder);
        expect(project.document.view.selection).toEqual(['kept', 'too']);
        expect(project.notices.join()).toMatch(/backup beside it was opened/);
        await project.close();
        const again = await openProject(folder);
        expect(again.notices).toEqual([]);
        expect(again.document.view.selection).toEqual(['kept', 'too']);
        await again.close();
      });
    }
  }, 120_000);

  it('project.json and its backup damaged: says so, changes nothing', async () => {
    await crashed(async (folder) => {
      await writeFile(join(folder, 'project.json'), 'x');
      await writeFile(join(folder, 'project.backup.json'), 'y');
      const before = (await readdir(folder)).sort();
      const error = await failureOf(openProject(folder));
      expect(error.code).toBe('E-PROJECT-DAMAGED');
      expect(error.message).toContain(join(folder, 'project.json'));
      expect((await readdir(folder)).sort()).toEqual(before);
    });
  });

  it('any bit of project.json flipped: opens with a typed error or a valid document, never a crash', async () => {
    await crashed(async (folder) => {
      const path = join(folder, 'project.json');
      const text = await readFile(path);
      for (let i = 0; i < 60; i++) {
        const copy = Buffer.from(text);
        const at = Math.floor((i * text.length) / 60);
        copy[at] = (copy[at] as number) ^ (1 << (i % 8));
        await writeFile(path, copy);
        try {
          await (await openProject(folder)).close();
        } catch (thrown) {
          if (!(thrown instanceof QatError)) throw thrown;
        }
      }
    });
  }, 60_000);

  it('a newer version is refused politely and left alone, also when the backup would open', async () => {
    await crashed(async (folder) => {
      const path = join(folder, 'project.json');
      const newer = (await readFile(path, 'utf8')).replace('"schemaVersion": 2', '"schemaVersion": 3');
      await writeFile(path, newer);
      expect((await failureOf(openProject(folder))).code).toBe('E-PROJECT-NEWER');
      expect(await readFile(path, 'utf8')).toBe(newer);
    });
  });

  it('version 1 opens with its states and the edits of its journal, and becomes version 2', async () => {
    await withTemporaryFolder(async (base) => {
      const project = await createProject(base, projectInit);
      const { folder } = project;
      await project.close();
      const { layerResults: _, ...old } = JSON.parse(await readFile(join(folder, 'project.json'), 'utf8'));
      const text = JSON.stringify({ ...old, schemaVersion: 1, layerStates: { a: 'prepared' } });
      await writeFile(join(folder, 'project.json'), text);
      const edit = { kind: 'layerStates', data: { b: 'quantized' } } as const;
      await writeFile(join(folder, 'journal.ndjson'), encodeJournalLine({ seq: old.lastSeq + 1, edit }));
      const opened = await openProject(folder);
      expect(opened.notices).toEqual([]);
      expect(opened.document).toMatchObject({ schemaVersion: 2, layerResults: {} });
      expect(opened.document.layerStates).toEqual({ a: 'prepared', b: 'quantized' });
      await opened.adoptLayers({ a: [layerResult('1')] });
      await opened.close();
      const again = await openProject(folder);
      expect(again.document).toMatchObject({ layerStates: {}, layerResults: { a: [layerResult('1')] } });
      await again.close();
    });
  });

  it('a run that cannot be read is left out with a notice, the others open', async () => {
    await withTemporaryFolder(async (base) => {
      const project = await createProject(base, projectInit);
      await project.runs.add(runSummary('run-a'));
      await project.runs.add(runSummary('run-b', { state: 'finished' }));
      await project.close();
      await writeFile(join(project.folder, 'runs', 'run-a', 'run.json'), '{');
      const again = await openProject(project.folder);
      expect(again.runs.list().map((run) => run.id)).toEqual(['run-b']);
      expect(again.notices.join()).toMatch(/Run run-a was left out: .*damaged/);
      await again.close();
      expect(await readFile(join(project.folder, 'runs', 'run-a', 'run.json'), 'utf8')).toBe('{');
    });
  });
});

describe('disk faults', () => {
  it('a full disk: the save says so, the project stays usable, and the retry saves everything', async (context) => {
    await withTemporaryFolder(async (base) => {
      const reason = await withSmallDisk(base, 128, async () => {
        const project = await createProject(base, projectInit);
        await project.saveView(view('before'));
        const free = join(base, 'filler');
        for (let size = 4096, full = false; !full; ) {
          await writeFile(free, Buffer.alloc(size), { flag: 'a' }).catch(() => {
            full = size === 1;
            size = 1;
          });
        }
        const wide = Array.from({ length: 100 }, (_, i) => `layer.${i}`.padEnd(100, '-'));
        const error = await failureOf(project.saveView(view(...wide)));
        expect(error.code).toBe('E-DISK-FULL');
        expect((await failureOf(project.runs.add(runSummary('run-1')))).code).toBe('E-DISK-FULL');
        expect(project.runs.list()).toEqual([]);
        expect(await leftovers(project.folder)).toEqual([]);
        await rm(free);
        await project.saveLayerResults({ first: [layerResult('1')] });
        await project.runs.add(runSummary('run-1'));
        await rm(join(project.folder, 'project.lock'));
        const again = await openProject(project.folder);
        expect(again.document.view.selection).toEqual(wide);
        expect(again.document.layerResults).toEqual({ first: [layerResult('1')] });
        await again.close();
      });
      if (reason !== undefined) context.skip(reason);
    });
  });

  it('a read-only disk: opening says so', async (context) => {
    await withTemporaryFolder(async (base) => {
      const reason = await withSmallDisk(base, 512, async (remountReadOnly) => {
        const project = await createProject(base, projectInit);
        await project.close();
        remountReadOnly();
        expect((await failureOf(openProject(project.folder))).code).toBe('E-DISK-READ-ONLY');
        expect((await failureOf(createProject(base, projectInit))).code).toBe('E-DISK-READ-ONLY');
      });
      if (reason !== undefined) context.skip(reason);
    });
  });
});

describe('toFolderName', () => {
  it.each([
    ['mlp fashion', 'mlp-fashion'],
    ['../../etc/passwd', 'etc-passwd'],
    ['a\0b\u001b[31m<script>', 'a-b-31m-script'],
    ['\u202egnp.exe', 'gnp.exe'],
    ['CON', '_CON'],
    ['com1.txt', '_com1.txt'],
    ['...', 'project'],
    ['', 'project'],
    ['=cmd|x', 'cmd-x'],
    ['модель', 'модель'],
  ])('%j', (text, wanted) => {
    expect(toFolderName(text)).toBe(wanted);
  });

  it('stays short and whole', () => {
    expect(Buffer.byteLength(toFolderName('語'.repeat(65_536)))).toBeLessThanOrEqual(80);
    expect(toFolderName('語'.repeat(100))).toBe('語'.repeat(26));
  });
});
