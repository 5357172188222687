import { act, render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, expect, it, vi } from 'vitest';
import type { TransformPlan, TransformRecord } from '../../host/contract.js';
import { forgetAnswers, forgetTransformed, useProject } from '../../host/index.js';
import { type Handlers, installBridge, Refusal } from '../../host/testing/recorded-bridge.js';
import { sampleProject } from '../../host/testing/sample-state.js';
import { TooltipProvider } from '../../ui/index.js';
import { TransformDialog } from './transform-dialog.js';

const plan: TransformPlan = {
  folds: [
    { norm: 'bn1.gamma', layer: 'fc1.weight', reason: null },
    { norm: 'bn2.gamma', layer: null, reason: 'It is behind add.' },
  ],
  pairs: [
    { from: 'fc1.weight', to: 'fc2.weight', through: ['relu'], needs: ['bn1.gamma'], reason: null },
    { from: 'fc2.weight', to: null, through: [], needs: [], reason: 'Behind it: gelu.' },
  ],
  reason: null,
};
const figures = { rangeRatio: 4, sqnrDb: 12 };
const changed = [{ layer: 'fc1.weight', before: figures, after: { rangeRatio: 1.5, sqnrDb: 19.25 } }];
const record: TransformRecord = {
  path: '/out/folded.safetensors',
  sizeBytes: 1000,
  sha256: 'cd'.repeat(32),
  folded: 1,
  equalized: 1,
  inputs: 'drawn',
  samples: 256,
  maxDifference: 2e-6,
  tolerance: 3e-4,
  sameDecision: 256,
  outputDb: { before: 9.5, after: 14 },
  layers: changed,
};

function show(handlers: Handlers = {}, onClose = vi.fn()) {
  const bridge = installBridge({
    'model.transforms': () => plan,
    'model.tryTransforms': () => ({ layers: changed }),
    ...handlers,
  });
  render(
    <TooltipProvider>
      <TransformDialog open onClose={onClose} />
    </TooltipProvider>,
  );
  return bridge;
}

const box = (name: RegExp) => screen.findByRole('checkbox', { name });

beforeEach(() => {
  forgetAnswers();
  act(() => {
    forgetTransformed();
    useProject.setState({ project: sampleProject() });
  });
});

it('chooses all that can be done, and says why the rest cannot', async () => {
  const bridge = show();
  expect((await box(/bn1 into fc1/)).getAttribute('data-state')).toBe('checked');
  expect((await box(/^bn2/)).hasAttribute('disabled')).toBe(true);
  const dialog = screen.getByRole('dialog');
  for (const reason of ['It is behind add.', 'Behind it: gelu.'])
    expect(dialog.textContent).toContain(reason);
  const table = await screen.findByRole('table', { name: 'Weights that change' });
  expect(table.textContent).toContain('4.00× → 1.50×');
  expect(table.textContent).toContain('12.0 dB → 19.3 dB');
  expect(bridge.inputsOf('model.tryTransforms')).toEqual([{ folds: ['bn1.gamma'], pairs: ['fc1.weight'] }]);
});

it('a pair behind a batch norm goes with it, and nothing chosen is not written', async () => {
  const bridge = show();
  await userEvent.click(await box(/bn1 into fc1/));
  expect((await box(/fc1.weight and fc2.weight/)).hasAttribute('disabled')).toBe(true);
  expect(screen.getByRole('dialog').textContent).toContain('Fold bn1 first.');
  await userEvent.click(screen.getByRole('button', { name: 'Write new file…' }));
  expect(bridge.inputsOf('model.writeTransformed')).toEqual([]);
});

it('shows the proof of the written file, and a refusal where the proof would be', async () => {
  const error = {
    code: 'E-TRANSFORM-PROOF',
    message: 'Its outputs differ.',
    remedy: 'Leave one out.',
  } as const;
  let refuse = true;
  show({
    'model.writeTransformed': () => {
      if (refuse) throw new Refusal(error);
      return { record };
    },
  });
  await box(/bn1 into fc1/);
  await userEvent.click(screen.getByRole('button', { name: 'Write new file…' }));
  expect((await screen.findByRole('alert')).textContent).toContain('E-TRANSFORM-PROOFIts outputs differ.');
  refuse = false;
  await userEvent.click(screen.getByRole('button', { name: 'Write new file…' }));
  const proof = within(await screen.findByRole('region', { name: 'Proof' }));
  for (const fact of [/2\.0e−6/, /3\.0e−4/, /256 drawn inputs/, /9\.5 dB → 14\.0 dB/, /1 pair of layers/]) {
    expect(
      proof.getByText((_, element) => element?.tagName === 'DD' && fact.test(element.textContent ?? '')),
    ).toBeTruthy();
  }
});

it('opens the new file with the data set of the model it was made from', async () => {
  const opened = { ...sampleProject(), id: 'project-2', dataset: null };
  const onClose = vi.fn();
  const bridge = show(
    {
      'model.writeTransformed': () => ({ record }),
      'project.openModel': () => ({ project: opened }),
      'project.openDataset': () => ({ project: { ...sampleProject(), id: 'project-2' } }),
      'project.recent': () => ({ entries: [] }),
    },
    onClose,
  );
  await box(/bn1 into fc1/);
  await userEvent.click(screen.getByRole('button', { name: 'Write new file…' }));
  await userEvent.click(await screen.findByRole('button', { name: 'Open the new file' }));
  expect(onClose).toHaveBeenCalled();
  await waitFor(() => expect(bridge.inputsOf('project.openDataset')).toEqual([{ path: '/data' }]));
  expect(bridge.inputsOf('project.openModel')).toEqual([{ path: record.path }]);
});

it('a file without a graph has nothing to show but why', async () => {
  show({ 'model.transforms': () => ({ folds: [], pairs: [], reason: 'No graph in it.' }) });
  expect(await screen.findByText('No graph in it.')).toBeTruthy();
  expect(screen.queryByRole('checkbox')).toBeNull();
});
