import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it, vi } from 'vitest';
import { TooltipProvider } from '../ui/tooltip.js';
import { type ChartActions, ChartActionsProvider } from './chart-actions.js';
import { ChartFrame, type ChartFrameProps } from './chart-frame.js';
import { csvText } from './export.js';

const data = {
  columns: ['bits', 'SQNR dB'],
  rows: [
    [4, 20.125],
    [8, 'exact'],
  ],
};

function draw(change: Partial<ChartFrameProps> = {}) {
  const actions: ChartActions = {
    save: vi.fn(async () => '/tmp/chart.csv'),
    copyText: vi.fn(async () => undefined),
    copyPicture: vi.fn(async () => undefined),
    done: vi.fn(),
    failed: vi.fn(),
  };
  render(
    <TooltipProvider>
      <ChartActionsProvider value={actions}>
        <ChartFrame title="SQNR" subtitle="by bits" summary="20 dB at 4 bits." table={() => data} {...change}>
          <svg className="recharts-surface" width="10" height="10" role="img" aria-label="drawing" />
        </ChartFrame>
      </ChartActionsProvider>
    </TooltipProvider>,
  );
  return actions;
}

describe('ChartFrame', () => {
  it('says in words what the picture shows', () => {
    draw();
    const summary = screen.getByText('20 dB at 4 bits.');
    expect(screen.getByRole('region', { name: 'SQNR' }).getAttribute('aria-describedby')).toBe(summary.id);
  });

  it('shows the same numbers as a table that it copies as CSV', async () => {
    const actions = draw();
    await userEvent.click(screen.getByRole('button', { name: 'Show as table' }));
    const cells = screen.getAllByRole('cell').map((cell) => cell.textContent);
    expect(cells).toEqual(['4', '20.125', '8', 'exact']);
    await userEvent.click(screen.getByRole('button', { name: 'Copy or save: SQNR' }));
    await userEvent.click(await screen.findByText('Copy numbers (CSV)'));
    expect(actions.copyText).toHaveBeenCalledWith(csvText(data));
  });

  it('saves under a name made of its title', async () => {
    const actions = draw();
    await userEvent.click(screen.getByRole('button', { name: 'Copy or save: SQNR' }));
    await userEvent.click(await screen.findByText('Save numbers (CSV)…'));
    expect(actions.save).toHaveBeenCalledWith('csv', 'SQNR-by-bits', csvText(data));
    expect(actions.done).toHaveBeenCalledWith('Chart saved', '/tmp/chart.csv');
  });

  it('shows an error with its code and remedy instead of the picture', () => {
    draw({ error: { code: 'E-WEIGHT-NOT-FINITE', message: 'fc1 holds NaN.', remedy: 'Open another file.' } });
    expect(screen.getByRole('alert').textContent).toContain('E-WEIGHT-NOT-FINITE');
    expect(screen.getByText('Open another file.')).toBeTruthy();
    expect(screen.queryByRole('img', { name: 'drawing' })).toBeNull();
    expect(screen.queryByRole('button', { name: 'Show as table' })).toBeNull();
  });

  it('teaches when it is empty', () => {
    draw({ empty: { title: 'No codes', text: 'Choose 1–8 bits.' } });
    expect(screen.getByText('Choose 1–8 bits.')).toBeTruthy();
    expect(screen.queryByRole('img', { name: 'drawing' })).toBeNull();
  });

  it('keeps the old picture while a new one is awaited, and says so when that takes long', async () => {
    draw({ busy: true });
    expect(screen.getByRole('img', { name: 'drawing' })).toBeTruthy();
    expect(screen.queryByRole('status')).toBeNull();
    expect((await screen.findByRole('status')).textContent).toContain('Updating');
  });

  it('offers to reset the zoom only while zoomed', async () => {
    const onResetZoom = vi.fn();
    draw({ zoomed: true, onResetZoom });
    await userEvent.click(screen.getByRole('button', { name: 'Reset zoom' }));
    expect(onResetZoom).toHaveBeenCalledOnce();
  });

  it('switches the axis and says which is on', async () => {
    const onScaleChange = vi.fn();
    draw({ scale: 'linear', onScaleChange });
    const toggle = screen.getByRole('button', { name: 'Log axis' });
    expect(toggle.getAttribute('aria-pressed')).toBe('false');
    await userEvent.click(toggle);
    expect(onScaleChange).toHaveBeenCalledWith('log');
  });
});
