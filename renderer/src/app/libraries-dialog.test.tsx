import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, expect, it } from 'vitest';
import { useLibraries } from '../host/index.js';
import { installBridge } from '../host/testing/recorded-bridge.js';
import { sampleLibrary } from '../host/testing/sample-state.js';
import { TooltipProvider } from '../ui/index.js';
import { openDialog } from './dialogs-store.js';
import { LibrariesDialog } from './libraries-dialog.js';

function show() {
  render(
    <TooltipProvider>
      <LibrariesDialog />
    </TooltipProvider>,
  );
  act(() => openDialog('libraries'));
}

beforeEach(() => useLibraries.setState({ libraries: [], busy: false }));

it('is empty and warns until a library is added, then names it with file and hash', async () => {
  const bridge = installBridge({ 'library.add': () => ({ libraries: [sampleLibrary()] }) });
  show();
  expect(screen.getByRole('dialog').textContent).toContain('runs with your rights');
  expect(screen.getByText(/None is added/)).toBeTruthy();
  await userEvent.click(screen.getByRole('button', { name: 'Add quantizer library…' }));
  // Neither a path nor a permission comes from the page.
  expect(bridge.inputsOf('library.add')).toEqual([{}]);
  const item = await screen.findByRole('listitem');
  for (const fact of ['own 1.2', '2, 3 bits', '/libraries/own.so', 'ab'.repeat(32)]) {
    expect(item.textContent).toContain(fact);
  }
});

it('says why an allowed library was not loaded, and removes it', async () => {
  const error = {
    code: 'E-QUANTIZER-LIBRARY',
    message: '/libraries/own.so is not the file that was allowed.',
    remedy: 'Remove the library and add it again.',
  } as const;
  useLibraries.setState({ libraries: [sampleLibrary({ loaded: null, error })] });
  const bridge = installBridge({ 'library.remove': () => ({ libraries: [] }) });
  show();
  expect(screen.getByRole('listitem').textContent).toContain(error.message);
  expect(screen.getByRole('listitem').textContent).toContain(error.remedy);
  await userEvent.click(screen.getByRole('button', { name: 'Remove user:own' }));
  expect(bridge.inputsOf('library.remove')).toEqual([{ id: 'user:own' }]);
  await waitFor(() => expect(screen.queryByRole('listitem')).toBeNull());
});
