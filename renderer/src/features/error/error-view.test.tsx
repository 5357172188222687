import { act, render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { giveSize } from '../../charts/testing/layout.js';
import {
  applyProject,
  followConfiguration,
  followSelection,
  forgetAnswers,
  setLayerConfigs,
  useLensStore,
  useProject,
  useSelection,
} from '../../host/index.js';
import { installBridge } from '../../host/testing/recorded-bridge.js';
import { sampleAnalysisFor, sampleWhatIfFor } from '../../host/testing/sample-analysis.js';
import { sampleProject, sampleWhatIf } from '../../host/testing/sample-state.js';
import { rawTable, sortRows, TooltipProvider } from '../../ui/index.js';
import { ErrorView } from './error-view.js';
import { rowTable, smallestCode, worstRows } from './figures.js';
import { errorColumns } from './figures-table.js';

describe('figures of the error', () => {
  it('know the smallest code of every grid', () => {
    expect(smallestCode({ bits: 4, grid: 'signed' })).toBe(-8);
    expect(smallestCode({ bits: 4, grid: 'narrow' })).toBe(-7);
    expect(smallestCode({ bits: 4, grid: 'unsigned' })).toBe(0);
    expect(smallestCode({ bits: 1, grid: 'binary' })).toBe(0);
  });

  it('list the worst rows first and leave exact ones out', () => {
    const rows = [
      { row: 0, sqnrDb: 30 },
      { row: 1, sqnrDb: null },
      { row: 2, sqnrDb: -3 },
      { row: 3, sqnrDb: 12 },
    ];
    expect(worstRows(rows, 2).map(({ row }) => row)).toEqual([2, 3]);
    expect(rowTable(rows).rows[1]).toEqual([1, 'exact']);
  });

  it('put an exact bit-width above every finite one', () => {
    const errors = [sampleWhatIf(4).error, { ...sampleWhatIf(8).error, sqnrDb: null }, sampleWhatIf(2).error];
    const sorted = sortRows(errors, errorColumns, { column: 'sqnr', direction: 'descending' });
    expect(sorted.map(({ bits }) => bits)).toEqual([8, 4, 2]);
  });

  it('copy raw numbers under the shown headers', () => {
    const table = rawTable([sampleWhatIf(4).error], errorColumns);
    expect(table.columns.slice(0, 3)).toEqual(['bits', 'SQNR dB', 'MSE']);
    expect(table.rows[0]?.slice(0, 3)).toEqual([4, 20, 2.31e-5]);
  });
});

describe('ErrorView', () => {
  let stops: (() => void)[] = [];
  beforeEach(async () => {
    stops = [giveSize(), followConfiguration(), followSelection()];
    forgetAnswers();
    installBridge({
      'layer.analyze': sampleAnalysisFor,
      'layer.whatIf': sampleWhatIfFor,
      'project.saveView': () => ({}),
      'project.configure': ({ changes }) => ({ configuration: changes, states: {} }),
    });
    useProject.setState({ project: null });
    applyProject(sampleProject());
    render(
      <TooltipProvider>
        <ErrorView />
      </TooltipProvider>,
    );
    await screen.findByRole('heading', { name: 'Code use' });
  });
  afterEach(() => {
    for (const stop of stops) stop();
  });

  it('marks the layer’s bits in the table of all eight', async () => {
    const table = await screen.findByRole('table', { name: 'Errors of fc1.weight by bits' });
    expect(within(table).getAllByRole('row')).toHaveLength(9);
    const current = within(table)
      .getAllByRole('row')
      .filter((row) => row.getAttribute('aria-current'));
    expect(current.map((row) => row.textContent?.slice(0, 2))).toEqual(['W4']);
  });

  it('lists only the bits that the method has, and says so', async () => {
    act(() => setLayerConfigs(['fc1.weight'], { weight: { method: 'irnet' } }, 'IR-Net'));
    const table = screen.getByRole('table', { name: 'Errors of fc1.weight by bits' });
    await waitFor(() => expect(within(table).getAllByRole('row')).toHaveLength(2));
    expect(within(table).getAllByRole('row')[1]?.textContent).toContain('W1');
    expect(screen.getByText('IR-Net has 1 bit only.')).toBeTruthy();
    const chart = screen.getByRole('application', { name: /^SQNR by bits/ });
    expect(chart.getAttribute('aria-label')).not.toContain('2 bits');
  });

  it('leads from the worst channel to its distribution', async () => {
    await userEvent.click(await screen.findByTitle('Show the distribution of channel 2'));
    expect(useLensStore.getState().row).toEqual({ layer: 'fc1.weight', index: 2 });
    expect(useSelection.getState().tab).toBe('distribution');
  });
});
