import { act, renderHook, waitFor } from '@testing-library/react';
import { beforeEach, describe, expect, it } from 'vitest';
import { appendPoints, clearSeries } from './runs-store.js';
import { useSeries } from './series.js';
import { installBridge } from './testing/recorded-bridge.js';

const step = (number: number) => ({ step: number, epoch: number / 94, loss: 1, learningRate: 0.001 });
const evaluation = (epoch: number) => ({
  step: epoch * 94,
  epoch,
  testLoss: 1,
  testAccuracy: 0.8,
  layers: [],
});

describe('useSeries', () => {
  beforeEach(() => {
    clearSeries();
    installBridge({
      'run.series': ({ runId }) => ({
        runId,
        steps: [step(1)],
        evaluations: [evaluation(0)],
        diagnostics: [],
      }),
    });
  });

  it('redraws at most 4 times a second however often points come', async () => {
    let draws = 0;
    const { result } = renderHook(() => {
      draws += 1;
      return useSeries(['run-1']);
    });
    await waitFor(() => expect(result.current['run-1']?.steps).toHaveLength(1));
    draws = 0;
    const start = performance.now();
    for (let number = 2; number <= 60; number += 1) {
      await act(async () => {
        appendPoints('run-1', [step(number)], []);
        await new Promise((resolve) => setTimeout(resolve, 10));
      });
    }
    const seconds = (performance.now() - start) / 1000;
    expect(draws).toBeLessThanOrEqual(Math.ceil(seconds * 4) + 1);
    await waitFor(() => expect(result.current['run-1']?.steps).toHaveLength(60), { timeout: 4000 });
  });

  it('keeps the evaluations’ array while only steps come, so that their charts stand still', async () => {
    const { result } = renderHook(() => useSeries(['run-1']));
    await waitFor(() => expect(result.current['run-1']?.evaluations).toHaveLength(1));
    const before = result.current['run-1']?.evaluations;
    act(() => appendPoints('run-1', [step(2)], []));
    await waitFor(() => expect(result.current['run-1']?.steps).toHaveLength(2), { timeout: 4000 });
    expect(result.current['run-1']?.evaluations).toBe(before);
    act(() => appendPoints('run-1', [], [evaluation(1)]));
    await waitFor(() => expect(result.current['run-1']?.evaluations).toHaveLength(2), { timeout: 4000 });
  });
});
