import { appendFile, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failureOf, withTemporaryFolder } from '../formats/test-support.js';
import { RunStore } from './run-store.js';
import { decimateMinMax } from './series.js';
import { diagnostics, runSummary, stepPoint } from './test-support.js';

const evaluation = (step: number) => ({ step, epoch: step, testLoss: 0.5, testAccuracy: 0.9, layers: [] });

describe('RunStore', () => {
  it('keeps summaries, series and checkpoints across openings; a run cut off becomes interrupted', async () => {
    await withTemporaryFolder(async (folder) => {
      const store = await RunStore.open(folder);
      await store.add(runSummary('run-1'));
      await store.add(runSummary('run-0', { state: 'finished', createdAt: '2026-01-02T00:00:00.000Z' }));
      expect((await failureOf(store.add(runSummary('run-1')))).code).toBe('E-RUN-STATE');
      await store.appendSeries('run-1', {
        steps: [stepPoint(1), stepPoint(2)],
        evaluations: [evaluation(0)],
        diagnostics: [diagnostics(2)],
      });
      await store.writeCheckpoint('run-1', Uint8Array.of(1, 2, 3));
      await Promise.all(
        Array.from({ length: 20 }, (_, i) => store.update(runSummary('run-1', { name: `n${i}` }))),
      );
      await store.close();
      const again = await RunStore.open(folder);
      expect(again.list().map((run) => [run.id, run.state, run.name])).toEqual([
        ['run-1', 'interrupted', 'n19'],
        ['run-0', 'finished', 'run-0'],
      ]);
      const series = await again.readSeries('run-1');
      expect(series).toEqual({
        runId: 'run-1',
        steps: [stepPoint(1), stepPoint(2)],
        evaluations: [evaluation(0)],
        diagnostics: [diagnostics(2)],
      });
      expect(await again.readSeries('run-0')).toEqual({
        runId: 'run-0',
        steps: [],
        evaluations: [],
        diagnostics: [],
      });
      expect(await again.readCheckpoint('run-1')).toEqual(Uint8Array.of(1, 2, 3));
      expect(await again.readCheckpoint('run-0')).toBeUndefined();
      await again.delete('run-1');
      expect((await failureOf(again.readSeries('run-1'))).code).toBe('E-RUN-UNKNOWN');
      expect(await readdir(join(folder, 'runs'))).toEqual(['run-0']);
      await again.close();
    });
  });

  it('has every point in the file when the append is acknowledged', async () => {
    await withTemporaryFolder(async (folder) => {
      const store = await RunStore.open(folder);
      await store.add(runSummary('run-1'));
      for (let step = 1; step <= 50; step++) {
        await store.appendSeries('run-1', { steps: [stepPoint(step)], evaluations: [], diagnostics: [] });
        const text = await readFile(join(folder, 'runs', 'run-1', 'series.ndjson'), 'utf8');
        expect(text.split('\n').length).toBe(step + 1);
      }
      await store.close();
    });
  });

  it('drops a torn last line, passes over damaged ones, and lets a resumed training write over its steps', async () => {
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, 'runs', 'run-1', 'series.ndjson');
      const store = await RunStore.open(folder);
      await store.add(runSummary('run-1'));
      await store.appendSeries('run-1', {
        steps: [1, 2, 3, 4].map((step) => stepPoint(step)),
        evaluations: [],
        diagnostics: [],
      });
      await store.close();
      const { length } = await readFile(path);
      await truncate(path, length - 3);
      await appendFile(path, '');
      const again = await RunStore.open(folder);
      expect((await again.readFullSeries('run-1')).steps.map((point) => point.step)).toEqual([1, 2, 3]);
      await again.appendSeries('run-1', {
        steps: [stepPoint(2, 9), stepPoint(3, 9)],
        evaluations: [],
        diagnostics: [],
      });
      await appendFile(path, '{"s":[4,"x",1,1]}\nnull\n\u0000\n{"e":{"step":1}}\n');
      await again.appendSeries('run-1', { steps: [stepPoint(4, 9)], evaluations: [], diagnostics: [] });
      const { steps } = await again.readFullSeries('run-1');
      expect(steps.map((point) => [point.step, point.loss])).toEqual([
        [1, 1],
        [2, 9],
        [3, 9],
        [4, 9],
      ]);
      await again.close();
    });
  });

  it('reads series of older versions, and passes over figures that cannot be', async () => {
    await withTemporaryFolder(async (folder) => {
      const store = await RunStore.open(folder);
      await store.add(runSummary('run-1'));
      const path = join(folder, 'runs', 'run-1', 'series.ndjson');
      const figures = '0.5,null,0.1,0,null,0,null,1,null,20';
      await appendFile(
        path,
        [
          '{"s":[1,0.1,2,0.001]}',
          `{"d":[1,0.1,[["fc1",${figures}]]]}`,
          `{"d":[2,0.2,[["fc1",${figures.replace('0.1', '1.5')}]]]}`,
          `{"d":[3,0.3,[[7,${figures}]]]}`,
          '{"d":[4,0.4]}',
          '{"d":[5,0.5,[["fc1",0.5]]]}',
        ]
          .join('\n')
          .concat('\n'),
      );
      const { steps, diagnostics: read } = await store.readFullSeries('run-1');
      expect(steps).toHaveLength(1);
      expect(read.map((point) => point.step)).toEqual([1, 5]);
      expect(read[0]?.layers[0]).toEqual({
        ...diagnostics(1).layers[0],
        activationScale: null,
        clippedInputs: null,
      });
      expect(read[1]?.layers[0]).toMatchObject({ weightScale: 0.5, flipShare: null, sqnrDb: null });
      await store.close();
    });
  });

  it('refuses ids that would leave the folder', async () => {
    await withTemporaryFolder(async (folder) => {
      const store = await RunStore.open(folder);
      for (const id of ['../x', 'run-..', 'run-a/b', 'run-A', '']) {
        expect((await failureOf(store.add(runSummary(id)))).code).toBe('E-REQUEST-INVALID');
      }
      expect((await failureOf(store.writeCheckpoint('../x', 'x'))).code).toBe('E-RUN-UNKNOWN');
      await writeFile(join(folder, 'runs', 'stray'), 'x');
      const again = await RunStore.open(folder);
      expect(again.list()).toEqual([]);
      expect(again.notices.join()).toMatch(/stray/);
    });
  });
});

describe('decimateMinMax', () => {
  it('keeps order, ends and extremes, and the limit', () => {
    const values = fc.array(fc.double({ noNaN: true }), { minLength: 1, maxLength: 3000 });
    fc.assert(
      fc.property(values, fc.integer({ min: 4, max: 200 }), (losses, limit) => {
        const points = losses.map((loss, step) => ({ step, loss }));
        const kept = decimateMinMax(points, (point) => point.loss, limit);
        expect(kept.length).toBeLessThanOrEqual(limit);
        expect(kept[0]).toBe(points[0]);
        expect(kept.at(-1)).toBe(points.at(-1));
        for (let i = 1; i < kept.length; i++) expect(kept[i]?.step).toBeGreaterThan(kept[i - 1]?.step ?? 0);
        const extremes = (items: { loss: number }[]) => [
          items.reduce((a, b) => Math.min(a, b.loss), Number.POSITIVE_INFINITY),
          items.reduce((a, b) => Math.max(a, b.loss), Number.NEGATIVE_INFINITY),
        ];
        expect(extremes(kept)).toEqual(extremes(points));
      }),
      { numRuns: 200 },
    );
  });
});
