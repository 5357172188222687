import { render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { giveSize } from '../../charts/testing/layout.js';
import { defaultTrainingConfig, type RunSummary } from '../../host/contract.js';
import {
  applyProject,
  followConfiguration,
  followSelection,
  forgetAnswers,
  useProject,
} from '../../host/index.js';
import { installBridge } from '../../host/testing/recorded-bridge.js';
import { sampleAnalysisFor, sampleWhatIfFor } from '../../host/testing/sample-analysis.js';
import { sampleProject, sampleRun, sampleWhatIf } from '../../host/testing/sample-state.js';
import { rawTable, TooltipProvider } from '../../ui/index.js';
import { bitsTable } from './bits-figures.js';
import { toggledBits, useCompare } from './compare-store.js';
import { CompareView } from './compare-view.js';
import { sizePoints } from './run-charts.js';
import {
  compression,
  deltaColumns,
  differing,
  layerWords,
  resultColumns,
  settingColumns,
} from './run-columns.js';
import { drawnRuns, tableColumns } from './runs-compare.js';

const run = (id: string, after: number, packedBytes: number, change: Partial<RunSummary> = {}): RunSummary =>
  sampleRun({
    id,
    name: id,
    state: 'finished',
    result: {
      floatAccuracy: 0.88,
      accuracyBefore: 0.5,
      accuracyAfter: after,
      lossAfter: 0.3,
      effectiveBits: packedBytes / 1000,
      packedBytes,
      floatBytes: 32_000,
      seconds: 10,
    },
    ...change,
  });

const base = run('run-a', 0.87, 4000);
const other = run('run-b', 0.85, 2000, { training: { ...defaultTrainingConfig, seed: 7 } });
const unfinished = sampleRun({ id: 'run-c', name: 'run-c' });

describe('columns', () => {
  it('measure every other finished run against the pinned one', () => {
    const table = rawTable([base, other, unfinished], deltaColumns(base));
    expect(table.columns).toEqual(['Δ after', 'Δ bits/wt', 'Δ packed']);
    expect(table.rows[0]).toEqual([null, null, null]);
    expect(table.rows[1]?.[0]).toBeCloseTo(-2, 9);
    expect(table.rows[1]?.slice(1)).toEqual([-2, -2000]);
    expect(table.rows[2]).toEqual([null, null, null]);
  });

  it('state the change against float in percentage points', () => {
    const change = resultColumns.find((column) => column.id === 'change');
    expect(change?.value(other)).toBeCloseTo(-3, 9);
    expect(change?.cell?.(other)).toBe('−3.00');
    expect(change?.cell?.(unfinished)).toBe('–');
  });

  it('say how many times smaller the packed weights are', () => {
    expect(compression(other)).toBe(16);
  });

  it('are only those that differ when asked, settings and quantizers included', () => {
    const columns = tableColumns({
      rows: [base, other],
      picked: [],
      baseline: undefined,
      differencesOnly: true,
      layers: ['fc1.weight'],
    });
    const ids = columns.map((column) => column.id);
    expect(ids).toContain('seed');
    expect(ids).toContain('after');
    expect(ids).not.toContain('float');
    expect(ids).not.toContain('layer fc1.weight');
  });

  it('compare the picked runs, not all, when two are picked', () => {
    const third = run('run-d', 0.87, 4000, { training: { ...defaultTrainingConfig, epochs: 3 } });
    const columns = tableColumns({
      rows: [base, other, third],
      picked: ['run-a', 'run-b'],
      baseline: undefined,
      differencesOnly: true,
      layers: [],
    });
    expect(columns.map((column) => column.id)).not.toContain('epochs');
  });

  it('tell layers apart by everything in their quantizers', () => {
    const config = base.configuration['fc1.weight'];
    if (!config) throw new Error('the sample has no fc1.weight');
    const grouped = run('run-g', 0.87, 4000, {
      configuration: {
        ...base.configuration,
        'fc1.weight': { ...config, weight: { ...config.weight, granularity: 'group', groupSize: 32 } },
      },
    });
    expect(layerWords(grouped, 'fc1.weight')).toContain('group 32');
    expect(
      differing(settingColumns(['fc1.weight', 'fc2.weight']), [base, grouped]).map((column) => column.id),
    ).toEqual(['layer fc1.weight']);
  });
});

describe('what is drawn', () => {
  it('is what was picked, else the newest runs', () => {
    const runs = Array.from({ length: 9 }, (_, index) => run(`run-${index}`, 0.8, 1000));
    expect(drawnRuns(runs, ['run-2']).map(({ id }) => id)).toEqual(['run-2']);
    expect(drawnRuns(runs, []).map(({ id }) => id)).toEqual(['run-5', 'run-6', 'run-7', 'run-8']);
  });

  it('puts finished runs by size, ascending', () => {
    const points = sizePoints([base, unfinished, other], [base]);
    expect(points.map(({ id, x, y }) => [id, x, y])).toEqual([
      ['run-b', 2000, 0.85],
      ['run-a', 4000, 0.87],
    ]);
    expect(points.map(({ emphasis }) => emphasis)).toEqual([false, true]);
  });

  it('keeps 2 to 6 bit-widths, from fine to coarse', () => {
    expect(toggledBits([8, 4], 4)).toEqual([8, 4]);
    expect(toggledBits([8, 4, 2], 4)).toEqual([8, 2]);
    expect(toggledBits([8, 2], 5)).toEqual([8, 5, 2]);
    expect(toggledBits([8, 7, 6, 5, 4, 3], 1)).toEqual([8, 7, 6, 5, 4, 3]);
  });

  it('copies the bit-widths with a word for a perfect match', () => {
    const table = bitsTable([{ ...sampleWhatIf(8).error, sqnrDb: null }, sampleWhatIf(4).error]);
    expect(table.columns).toEqual(['measure', '8 bit', '4 bit']);
    expect(table.rows[0]).toEqual(['SQNR', 'exact', 20]);
  });
});

describe('CompareView', () => {
  let stops: (() => void)[] = [];
  beforeEach(() => {
    stops = [giveSize(), followConfiguration(), followSelection()];
    forgetAnswers();
    installBridge({
      'project.saveView': () => ({}),
      'run.series': ({ runId }) => ({ runId, steps: [], evaluations: [], diagnostics: [] }),
      'layer.analyze': sampleAnalysisFor,
      'layer.whatIf': sampleWhatIfFor,
    });
    useCompare.setState({ mode: 'runs', baseline: null, bits: [8, 4, 3, 2], baselineBits: null });
    useProject.setState({ project: null });
  });
  afterEach(() => {
    for (const stop of stops) stop();
  });
  const open = (runs: RunSummary[]) => {
    applyProject(sampleProject(undefined, { runs }));
    render(
      <TooltipProvider>
        <CompareView />
      </TooltipProvider>,
    );
  };

  it('teaches when there is nothing to compare', () => {
    open([]);
    expect(screen.getByRole('heading', { name: 'No runs to compare yet' })).toBeTruthy();
  });

  it('shows differences as soon as a run is pinned', async () => {
    open([base, other]);
    expect(screen.queryByRole('columnheader', { name: 'Δ after' })).toBeNull();
    await userEvent.click(screen.getByRole('button', { name: 'Measure the others against run-a' }));
    expect(screen.getByRole('columnheader', { name: 'Δ after' })).toBeTruthy();
    const row = screen.getByRole('table').querySelector('tr[aria-current]');
    expect(within(row as HTMLElement).getByText('run-a')).toBeTruthy();
  });

  it('lays bit-widths side by side and measures them against a pinned one', async () => {
    open([]);
    await userEvent.click(screen.getByRole('radio', { name: 'bit-widths' }));
    const four = await screen.findByRole('region', { name: 'fc1.weight at 4 bits' });
    expect(screen.getAllByRole('region', { name: /^fc1.weight at/ })).toHaveLength(4);
    await userEvent.click(screen.getByRole('button', { name: 'Measure the others against 8 bits' }));
    expect(within(four).getByText('−20.0')).toBeTruthy();
  });
});
