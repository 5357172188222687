import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { giveSize } from '../../charts/testing/layout.js';
import type { Allocation } from '../../host/contract.js';
import {
  applyProject,
  followAllocation,
  followConfiguration,
  undo,
  useAllocation,
  useConfiguration,
  useProject,
} from '../../host/index.js';
import { type Handlers, installBridge, Refusal } from '../../host/testing/recorded-bridge.js';
import { sampleProject, threeLayers } from '../../host/testing/sample-state.js';
import { TooltipProvider } from '../../ui/index.js';
import { AllocateDialog } from './allocate-dialog.js';
import { allocationSeries } from './allocation-chart.js';
import { sqnrOf } from './allocation-table.js';

const now = { bits: 4, bytes: 1000, error: 0.5 } as const;
const total = (bytes: number, error: number) => ({ bytes, error, bits: bytes / 300 });
const allocation: Allocation = {
  measure: 'output',
  exact: true,
  layers: [
    {
      layer: 'fc1.weight',
      weights: 10,
      fixed: null,
      power: 50,
      now,
      proposed: { bits: 2, bytes: 500, error: 5 },
    },
    { layer: 'fc2.weight', weights: 10, fixed: null, power: 50, now, proposed: now },
    {
      layer: 'fc3.weight',
      weights: 10,
      fixed: null,
      power: 50,
      now,
      proposed: { bits: 8, bytes: 2000, error: 0 },
    },
  ],
  now: total(3000, 1.5),
  proposed: total(3500, 5.5),
  curve: [total(1500, 20), total(3500, 5.5), total(6000, 0.01)],
  uniform: [
    { of: 8, ...total(6000, 0.01) },
    { of: 2, ...total(1500, 20) },
  ],
};

let stops: (() => void)[] = [];

function show(handlers: Handlers = {}, onClose = vi.fn()) {
  const bridge = installBridge({
    'model.allocate': () => allocation,
    'project.configure': ({ changes }) => ({ configuration: changes, states: {} }),
    ...handlers,
  });
  render(
    <TooltipProvider>
      <AllocateDialog open onClose={onClose} />
    </TooltipProvider>,
  );
  return bridge;
}

beforeEach(() => {
  act(() => useProject.setState({ project: null }));
  stops = [giveSize(), followConfiguration(), followAllocation()];
  const layers = threeLayers.map(
    (layer) => ({ ...layer, bits: layer.name === 'fc2.weight' ? 32 : 4 }) as const,
  );
  act(() => applyProject(sampleProject(layers)));
});
afterEach(() => {
  for (const stop of stops) stop();
});

const bits = () => Object.values(useConfiguration.getState().configuration).map(({ weight }) => weight.bits);

it('asks with captured inputs and float layers kept, shows the proposal and applies it in one step', async () => {
  const onClose = vi.fn();
  const bridge = show({}, onClose);
  const table = await screen.findByRole('table', { name: 'Bits of the layers' });
  expect(bridge.inputsOf('model.allocate')).toEqual([
    {
      budget: { kind: 'bits', bits: 4 },
      choices: [2, 3, 4, 8],
      fixed: ['fc2.weight'],
      inputs: { kind: 'captured', images: 1024 },
      relative: true,
    },
  ]);
  expect(table.textContent).toContain('20.0 dB → 10.0 dB');
  expect(table.textContent).toContain('20.0 dB → exact');
  await userEvent.click(screen.getByRole('button', { name: 'Apply to 2 layers' }));
  expect(onClose).toHaveBeenCalled();
  await act(async () => undefined); // The main process has answered.
  expect(bits()).toEqual([2, 4, 8]);
  expect(useConfiguration.getState().undoSteps).toHaveLength(1);
  await act(async () => undo());
  expect(bits()).toEqual([4, 32, 4]);
});

it('asks again for another budget, other bits and a layer that is kept', async () => {
  const bridge = show();
  await screen.findByRole('table', { name: 'Bits of the layers' });
  await userEvent.click(screen.getByRole('radio', { name: 'bytes' }));
  await userEvent.click(screen.getByRole('button', { name: '3 bits' }));
  await userEvent.click(screen.getByRole('checkbox', { name: 'Keep fc1.weight' }));
  await waitFor(() =>
    expect(bridge.inputsOf('model.allocate').at(-1)).toMatchObject({
      budget: { kind: 'bytes' },
      choices: [2, 4, 8],
      fixed: ['fc2.weight', 'fc1.weight'],
    }),
  );
});

it('one number of bits is the least there can be', async () => {
  show();
  for (const name of ['2 bits', '3 bits', '4 bits', '8 bits']) {
    await userEvent.click(screen.getByRole('button', { name }));
  }
  expect(useAllocation.getState().choices).toEqual([8]);
});

it('says why there is no proposal, and asks again when told to', async () => {
  let refuse = true;
  const error = {
    code: 'E-REQUEST-INVALID',
    message: 'The budget is too small.',
    remedy: 'Raise it.',
  } as const;
  const bridge = show({
    'model.allocate': () => {
      if (refuse) throw new Refusal(error);
      return allocation;
    },
  });
  expect((await screen.findByRole('alert')).textContent).toContain('The budget is too small.');
  expect(screen.getByRole('button', { name: 'Apply' }).getAttribute('aria-disabled')).toBe('true');
  expect(screen.queryByRole('table')).toBeNull();
  refuse = false;
  await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
  expect(await screen.findByRole('button', { name: 'Apply to 2 layers' })).toBeTruthy();
  expect(bridge.inputsOf('model.allocate')).toHaveLength(2);
  // Refused once more: what is kept can be freed all the same.
  refuse = true;
  await userEvent.click(screen.getByRole('checkbox', { name: 'Keep fc1.weight' }));
  await screen.findByRole('alert');
  await userEvent.click(screen.getByRole('checkbox', { name: 'Keep fc1.weight' }));
  expect(useAllocation.getState().fixed).toEqual(['fc2.weight']);
});

it('a model that is all float is free to be allocated', () => {
  act(() => applyProject({ ...sampleProject([{ name: 'a', bits: 32 }]), id: 'project-3' }));
  expect(useAllocation.getState().fixed).toEqual([]);
});

it('the chart is in the unit that fits, points ascending; an error of 0 is exact', () => {
  const { unit, series } = allocationSeries({
    ...allocation,
    now: total(30_000, 1),
    proposed: total(20_000, 2),
    curve: [total(15_000, 3)],
  });
  expect(unit).toBe('kB');
  const points = Object.fromEntries(series.map(({ id, points }) => [id, points.map(({ x }) => x)]));
  expect(points).toMatchObject({ now: [30], proposed: [20], uniform: [1.5, 6] });
  expect([sqnrOf({ bits: 4, bytes: 1, error: 0 }, 5), sqnrOf({ bits: 4, bytes: 1, error: null }, 5)]).toEqual(
    [null, undefined],
  );
});
