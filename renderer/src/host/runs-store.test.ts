import { beforeEach, describe, expect, it } from 'vitest';
import type { StepPoint } from './contract.js';
import { applyProject, useProject } from './project-store.js';
import { appendPoints, applyRun, clearSeries, loadSeries, maxSeriesPoints, useRuns } from './runs-store.js';
import { installBridge } from './testing/recorded-bridge.js';
import { sampleProject, sampleRun } from './testing/sample-state.js';

const point = (step: number, loss = 1): StepPoint => ({ step, epoch: step / 94, loss, learningRate: 0.001 });
const series = () => useRuns.getState().series['run-1'];

describe('series of runs', () => {
  beforeEach(() => {
    clearSeries();
  });

  it('never holds more points than a chart draws', () => {
    for (let batch = 0; batch < 20; batch += 1) {
      const steps = Array.from({ length: 200 }, (_, index) => point(batch * 200 + index));
      appendPoints('run-1', steps, []);
    }
    expect(series()?.steps.length).toBeLessThanOrEqual(maxSeriesPoints);
    expect(series()?.steps[0]?.step).toBe(0);
    expect(series()?.steps.at(-1)?.step).toBe(3999);
  });

  it('keeps the points that came while the recorded series was fetched, without doubles', async () => {
    let finish: () => void = () => undefined;
    installBridge({
      'run.series': async ({ runId }) => {
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        return { runId, steps: [point(0), point(1), point(2)], evaluations: [], diagnostics: [] };
      },
    });
    const loading = loadSeries('run-1');
    appendPoints('run-1', [point(2), point(3)], []);
    await Promise.resolve();
    finish();
    await loading;
    expect(series()?.steps.map(({ step }) => step)).toEqual([0, 1, 2, 3]);
    expect(series()?.source).toBe('loaded');
  });

  it('asks for a recorded series once', async () => {
    const bridge = installBridge({
      'run.series': ({ runId }) => ({ runId, steps: [], evaluations: [], diagnostics: [] }),
    });
    await Promise.all([loadSeries('run-1'), loadSeries('run-1')]);
    await loadSeries('run-1');
    expect(bridge.inputsOf('run.series')).toHaveLength(1);
  });

  it('replaces a known run and adds a new one at the end', () => {
    useProject.setState({ project: null });
    applyProject(sampleProject());
    applyRun(sampleRun());
    applyRun(sampleRun({ id: 'run-2', name: 'W8A8' }));
    applyRun(sampleRun({ state: 'paused' }));
    const runs = useProject.getState().project?.runs.map(({ id, state }) => [id, state]);
    expect(runs).toEqual([
      ['run-1', 'paused'],
      ['run-2', 'running'],
    ]);
  });
});
