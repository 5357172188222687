import { fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  applyProject,
  configurationSettled,
  followConfiguration,
  followSelection,
  setLayerConfigs,
  useConfiguration,
  useProject,
  useSelection,
} from '../../host/index.js';
import { installBridge } from '../../host/testing/recorded-bridge.js';
import { sampleProject } from '../../host/testing/sample-state.js';
import { closeDialog, useDialogs } from '../dialogs-store.js';
import { bindShortcuts } from './shortcuts.js';

const bitsOf = (name: string) => useConfiguration.getState().configuration[name]?.weight.bits;

describe('shortcuts', () => {
  let stops: (() => void)[] = [];
  beforeEach(() => {
    const project = sampleProject();
    installBridge({
      'project.configure': ({ changes }) => ({ configuration: changes as never, states: {} }),
      'project.saveView': () => ({}),
    });
    useProject.setState({ project: null });
    stops = [followConfiguration(), followSelection(), bindShortcuts()];
    applyProject(project);
    closeDialog();
    render(
      <>
        <div role="listbox" aria-label="Layers" tabIndex={0} data-shortcuts="layers" />
        <input aria-label="Filter" />
        <button type="button">Elsewhere</button>
      </>,
    );
  });
  afterEach(async () => {
    await configurationSettled();
    for (const stop of stops) stop();
  });

  it('sets the bits of the selection with a digit while the layer list has the focus', async () => {
    fireEvent.keyDown(screen.getByRole('listbox'), { key: '2', code: 'Digit2' });
    await waitFor(() => expect(bitsOf('fc1.weight')).toBe(2));
    expect(bitsOf('fc2.weight')).toBe(4);
  });

  it('leaves the digit to a text field and to the rest of the window', async () => {
    fireEvent.keyDown(screen.getByLabelText('Filter'), { key: '2', code: 'Digit2' });
    fireEvent.keyDown(screen.getByText('Elsewhere'), { key: '2', code: 'Digit2' });
    await Promise.resolve();
    expect(bitsOf('fc1.weight')).toBe(4);
  });

  it('undoes the configuration, but not while text is being edited', async () => {
    setLayerConfigs(['fc1.weight'], { weight: { bits: 8 } }, 'Set fc1.weight to 8 bits');
    fireEvent.keyDown(screen.getByLabelText('Filter'), { key: 'z', code: 'KeyZ', ctrlKey: true });
    await Promise.resolve();
    expect(bitsOf('fc1.weight')).toBe(8);
    fireEvent.keyDown(screen.getByText('Elsewhere'), { key: 'z', code: 'KeyZ', ctrlKey: true });
    await waitFor(() => expect(bitsOf('fc1.weight')).toBe(4));
  });

  it('opens the palette from anywhere and keeps other keys away while a dialog is open', async () => {
    fireEvent.keyDown(screen.getByLabelText('Filter'), { key: 'k', code: 'KeyK', ctrlKey: true });
    await waitFor(() => expect(useDialogs.getState().open).toBe('palette'));
    fireEvent.keyDown(screen.getByText('Elsewhere'), { key: '3', code: 'Digit3', ctrlKey: true });
    await Promise.resolve();
    expect(useSelection.getState().tab).toBe('distribution');
  });

  it('shows a view with its number', async () => {
    fireEvent.keyDown(screen.getByText('Elsewhere'), { key: '3', code: 'Digit3', ctrlKey: true });
    await waitFor(() => expect(useSelection.getState().tab).toBe('training'));
  });
});
