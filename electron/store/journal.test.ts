import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withTemporaryFolder } from '../formats/test-support.js';
import { crc32Hex } from './crc32.js';
import { decodeJournal, encodeJournalLine, replay } from './journal.js';
import { type ProjectDocument, type ProjectEdit, projectSchemaVersion } from './project-document.js';
import { createProject, openProject } from './project-store.js';
import { configuration, layerResult, projectInit, view } from './test-support.js';

const base: ProjectDocument = {
  schemaVersion: projectSchemaVersion,
  id: 'p',
  createdAt: '2026-01-01T00:00:00.000Z',
  layerResults: {},
  layerStates: {},
  layerOutcomes: {},
  exports: [],
  lastSeq: 0,
  closedCleanly: true,
  ...projectInit,
};
const layer = fc.oneof(
  fc.constantFrom('0', 'a', '"', '\u2028', 'عربي', '😀', '</script>', 'constructor'),
  fc.string({ minLength: 1, maxLength: 20 }).filter((name) => name !== '__proto__'),
);
const edit: fc.Arbitrary<ProjectEdit> = fc.oneof(
  fc.record({
    kind: fc.constant('configuration' as const),
    data: fc
      .tuple(layer, fc.integer({ min: 2, max: 65_536 }))
      .map(([name, size]) => configuration(name, size)),
  }),
  fc.record({
    kind: fc.constant('view' as const),
    data: fc.array(layer, { maxLength: 4 }).map((names) => view(...names)),
  }),
  fc.record({
    kind: fc.constant('layerResults' as const),
    data: fc
      .tuple(layer, fc.array(fc.boolean(), { maxLength: 3 }))
      .map(([name, current]) => ({ [name]: current.map((is, at) => layerResult(`${at}`, is)) })),
  }),
  fc.record({
    kind: fc.constant('layerStates' as const),
    data: fc
      .tuple(layer, fc.constantFrom('float' as const, 'prepared' as const))
      .map(([name, state]) => ({ [name]: state })),
  }),
);

function fold(edits: readonly ProjectEdit[]): ProjectDocument {
  return replay(
    base,
    edits.map((item, i) => ({ seq: i + 1, edit: item })),
  );
}

describe('journal', () => {
  it('knows the standard check value of CRC-32', () => {
    expect(crc32Hex(Buffer.from('123456789'))).toBe('cbf43926');
  });

  it('gives back every edit, and after a cut at every byte exactly the whole lines before it', () => {
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 6 }), (edits) => {
        const lines = edits.map((item, i) => encodeJournalLine({ seq: i + 1, edit: item }));
        const bytes = Buffer.concat(lines);
        const ends = lines.map((_, i) => Buffer.concat(lines.slice(0, i + 1)).length);
        for (let length = 0; length <= bytes.length; length++) {
          const { entries, lostBytes } = decodeJournal(bytes.subarray(0, length));
          const whole = ends.filter((end) => end <= length).length;
          expect(entries.length).toBe(whole);
          expect(lostBytes).toBe(length - (ends[whole - 1] ?? 0));
        }
        expect(decodeJournal(bytes).entries.map((entry) => entry.edit)).toEqual(edits);
      }),
      { numRuns: 50 },
    );
  }, 60_000);

  it('a flipped bit anywhere loses its line and what follows, never more, never invents', () => {
    const edits: ProjectEdit[] = ['a', 'b', 'c'].map((name) => ({ kind: 'view', data: view(name) }));
    const lines = edits.map((item, i) => encodeJournalLine({ seq: i + 1, edit: item }));
    const bytes = Buffer.concat(lines);
    for (let i = 0; i < bytes.length; i++) {
      for (let bit = 0; bit < 8; bit++) {
        const copy = Buffer.from(bytes);
        copy[i] = (copy[i] as number) ^ (1 << bit);
        const damagedLine = Math.floor(i / (lines[0]?.length ?? 1));
        expect(decodeJournal(copy).entries.map((entry) => entry.edit)).toEqual(edits.slice(0, damagedLine));
      }
    }
  });

  it('replays across old entries and stops at a gap', () => {
    const entries = [1, 2, 3, 5].map((seq) => ({
      seq,
      edit: { kind: 'view' as const, data: view(String(seq)) },
    }));
    const document = replay({ ...base, lastSeq: 1 }, entries);
    expect(document.lastSeq).toBe(3);
    expect(document.view.selection).toEqual(['3']);
  });

  it('a project whose journal is cut at every byte opens with a prefix of its edits', async () => {
    await withTemporaryFolder(async (folder) => {
      const project = await createProject(folder, projectInit);
      const edits: ProjectEdit[] = [
        { kind: 'view', data: view('one') },
        { kind: 'configuration', data: configuration('first', 32) },
        { kind: 'layerResults', data: { first: [layerResult('1'), layerResult('2')] } },
      ];
      for (const item of edits) {
        if (item.kind === 'view') await project.saveView(item.data);
        if (item.kind === 'configuration') await project.saveConfiguration(item.data);
        if (item.kind === 'layerResults') await project.saveLayerResults(item.data);
      }
      const journal = await readFile(join(project.folder, 'journal.ndjson'));
      const text = join(project.folder, 'project.json');
      for (let length = 0; length <= journal.length; length++) {
        const copy = join(folder, `cut-${length}`);
        await mkdir(copy);
        await copyFile(text, join(copy, 'project.json'));
        await writeFile(join(copy, 'journal.ndjson'), journal.subarray(0, length));
        const opened = await openProject(copy);
        const wanted = fold(edits.slice(0, opened.document.lastSeq));
        expect(opened.document.view).toEqual(wanted.view);
        expect(opened.document.configuration).toEqual(wanted.configuration);
        expect(opened.document.layerResults).toEqual(wanted.layerResults);
        expect(opened.recovered).toBe(true);
        await opened.close();
        if (length === journal.length) expect(opened.document.lastSeq).toBe(edits.length);
      }
      await project.close();
    });
  }, 120_000);
});
