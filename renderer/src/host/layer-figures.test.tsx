import { act, renderHook, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { followConfiguration, setLayerConfigs } from './configuration-store.js';
import { forgetAnswers } from './latest-request.js';
import { useLayerFigures, valueRange } from './layer-figures.js';
import { applyProject, useProject } from './project-store.js';
import { followSelection, selectLayers } from './selection-store.js';
import { installBridge, type RecordedBridge } from './testing/recorded-bridge.js';
import { sampleAnalysisFor, sampleWhatIfFor } from './testing/sample-analysis.js';
import { sampleProject } from './testing/sample-state.js';

let stops: (() => void)[] = [];
beforeEach(() => {
  stops = [followConfiguration(), followSelection()];
  forgetAnswers();
});
afterEach(() => {
  for (const stop of stops) stop();
});

describe('valueRange', () => {
  it('holds every level: the lowest of DoReFa lies below all values', () => {
    expect(valueRange({ min: -0.9, max: 1 }, [[-1, -0.5, 0.5, 1], []])).toEqual({ low: -1, high: 1 });
    expect(valueRange({ min: -2, max: 1 }, [[-1, 1]])).toEqual({ low: -2, high: 1 });
  });

  it('has a width even when all weights are equal', () => {
    expect(valueRange({ min: 2, max: 2 }, [])).toEqual({ low: 1.9, high: 2.1 });
    expect(valueRange({ min: 0, max: 0 }, [[]])).toEqual({ low: -0.5, high: 0.5 });
  });
});

/** The sample project with a main process that answers everything at once. */
function openAnswered(): RecordedBridge {
  const bridge = installBridge({
    'project.saveView': () => ({}),
    'project.configure': ({ changes }) => ({ configuration: changes, states: {} }),
    'layer.analyze': sampleAnalysisFor,
    'layer.whatIf': sampleWhatIfFor,
  });
  useProject.setState({ project: null });
  applyProject(sampleProject());
  return bridge;
}

describe('useLayerFigures', () => {
  it('never pairs the histogram of one layer with the levels of another', async () => {
    const gates: (() => void)[] = [];
    installBridge({
      'project.saveView': () => ({}),
      'layer.analyze': async (input) => {
        await new Promise<void>((resolve) => gates.push(resolve));
        return sampleAnalysisFor(input);
      },
      'layer.whatIf': sampleWhatIfFor,
    });
    useProject.setState({ project: null });
    applyProject(sampleProject());
    const { result } = renderHook(() => useLayerFigures(null));
    await waitFor(() => expect(gates).toHaveLength(1));
    await act(async () => gates[0]?.());
    await waitFor(() => expect(result.current.pair?.layer).toBe('fc1.weight'));

    // The what-if of the next layer is there at once, its analysis is not: the old pair stays.
    act(() => selectLayers(['fc2.weight']));
    await waitFor(() => expect(gates).toHaveLength(2));
    expect(result.current.pair?.layer).toBe('fc1.weight');
    expect(result.current.pair?.analysis.layer).toBe('fc1.weight');
    expect(result.current.busy).toBe(true);
    await act(async () => gates[1]?.());
    await waitFor(() => expect(result.current.pair?.analysis.layer).toBe('fc2.weight'));
  });

  it('keeps the same pair object while nothing changes, so that charts are not redrawn', async () => {
    installBridge({
      'project.saveView': () => ({}),
      'layer.analyze': sampleAnalysisFor,
      'layer.whatIf': sampleWhatIfFor,
    });
    useProject.setState({ project: null });
    applyProject(sampleProject());
    const { result, rerender } = renderHook(() => useLayerFigures(null));
    await waitFor(() => expect(result.current.pair).not.toBeNull());
    const before = result.current.pair;
    rerender();
    expect(result.current.pair).toBe(before);
  });

  it('shows the newest bits whatever comes first', async () => {
    openAnswered();
    const { result } = renderHook(() => useLayerFigures(null));
    await waitFor(() => expect(result.current.pair).not.toBeNull());
    act(() => setLayerConfigs(['fc1.weight'], { weight: { bits: 8 } }, 'x'));
    act(() => setLayerConfigs(['fc1.weight'], { weight: { bits: 2 } }, 'x'));
    await waitFor(() => expect(result.current.pair?.whatIf.error.bits).toBe(2));
    expect(result.current.pair?.quantizer.bits).toBe(2);
  });

  it('knows the other bit-widths once the layer has been looked at, and asks nothing when they are chosen', async () => {
    const bridge = openAnswered();
    const { result } = renderHook(() => useLayerFigures(null));
    await waitFor(() => expect(bridge.inputsOf('layer.whatIf')).toHaveLength(8));
    const asked = bridge.inputsOf('layer.whatIf').map(({ lens }) => lens.quantizer.bits);
    expect(asked).toEqual([4, 3, 5, 2, 6, 1, 7, 8]);
    act(() => setLayerConfigs(['fc1.weight'], { weight: { bits: 6 } }, 'x'));
    expect(result.current.busy).toBe(false);
    expect(result.current.pair?.whatIf.error.bits).toBe(6);
    expect(bridge.inputsOf('layer.whatIf')).toHaveLength(8);
  });

  it('stops asking ahead when another layer is looked at', async () => {
    const held: (() => void)[] = [];
    const bridge = installBridge({
      'project.saveView': () => ({}),
      'layer.analyze': sampleAnalysisFor,
      'layer.whatIf': async (input) => {
        if (input.lens.quantizer.bits !== 4) await new Promise<void>((resolve) => held.push(resolve));
        return sampleWhatIfFor(input);
      },
    });
    useProject.setState({ project: null });
    applyProject(sampleProject());
    renderHook(() => useLayerFigures(null));
    await waitFor(() => expect(held).toHaveLength(1));
    act(() => selectLayers(['fc2.weight']));
    expect(bridge.cancelled).toHaveLength(1);
    for (const go of held) go();
  });
});
