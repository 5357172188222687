import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { HostError, notify, notifySuccess, useNotices, useProject } from '../host/index.js';
import { installBridge, Refusal } from '../host/testing/recorded-bridge.js';
import { sampleProject, sampleRun, threeLayers } from '../host/testing/sample-state.js';
import { TooltipProvider } from '../ui/index.js';
import { ErrorLog } from './error-log.js';
import { PanelBoundary } from './panel-boundary.js';
import { RecoveredBar } from './recovered-bar.js';
import { StartScreen } from './start-screen.js';
import { ErrorNotices, QuietNotice, stayMs } from './toasts.js';

const show = (node: React.ReactNode) => render(<TooltipProvider>{node}</TooltipProvider>);

beforeEach(() => {
  useProject.setState({ project: null, recent: [], opening: null, busy: null });
  useNotices.setState({ toasts: [], log: [], unread: 0, logOpen: false });
});

describe('start screen', () => {
  it('opens the sample project', async () => {
    const project = sampleProject();
    const bridge = installBridge({
      'project.openSample': () => project,
      'project.recent': () => ({ entries: [] }),
    });
    show(<StartScreen />);
    await userEvent.click(screen.getByRole('button', { name: /open the sample project/i }));
    expect(bridge.inputsOf('project.openSample')).toHaveLength(1);
    await waitFor(() => expect(useProject.getState().project?.id).toBe(project.id));
  });

  it('offers recent files, but not those that are gone', async () => {
    const bridge = installBridge({
      'project.openModel': () => ({ project: null }),
      'project.recent': () => ({ entries: [] }),
    });
    const entry = { kind: 'model' as const, openedAt: '2026-01-02T03:04:05.000Z' };
    useProject.setState({
      recent: [
        { ...entry, name: 'here', path: '/m/here.safetensors', missing: false },
        { ...entry, name: 'gone', path: '/m/gone.safetensors', missing: true },
      ],
    });
    show(<StartScreen />);
    expect(screen.getByRole('button', { name: /gone/ })).toHaveProperty('disabled', true);
    await userEvent.click(screen.getByRole('button', { name: /here/ }));
    expect(bridge.inputsOf('project.openModel')).toEqual([{ path: '/m/here.safetensors' }]);
  });

  it('stays and explains when a file cannot be opened', async () => {
    installBridge({
      'project.openModel': () => {
        throw new Refusal({
          code: 'E-SAFETENSORS-HEADER',
          message: 'bad.safetensors: the header says 2147483648 bytes.',
          remedy: 'Download the file again.',
        });
      },
      'project.recent': () => ({ entries: [] }),
    });
    show(
      <>
        <StartScreen />
        <ErrorNotices />
      </>,
    );
    await userEvent.click(screen.getByRole('button', { name: /open a model/i }));
    expect((await screen.findAllByText(/the header says 2147483648 bytes/)).length).toBeGreaterThan(0);
    expect(screen.getAllByText('Download the file again.').length).toBeGreaterThan(0);
    expect(screen.getByText('E-SAFETENSORS-HEADER')).toBeTruthy();
  });
});

describe('notices', () => {
  const failure = new HostError({ code: 'E-DISK-FULL', message: 'No space.', remedy: 'Free some.' }, 'x');

  it('of errors stay until Escape or Dismiss, however many good ones come', async () => {
    show(<ErrorNotices />);
    act(() => notify(failure));
    act(() => {
      notify(new HostError({ code: 'E-FILE-MISSING', message: 'Gone.', remedy: 'Look.' }, 'y'));
      for (let index = 0; index < 30; index += 1) notifySuccess(`done ${index}`);
    });
    const notices = useNotices.getState().toasts;
    expect(notices.filter(({ tone }) => tone === 'error').map(stayMs)).toEqual([Infinity, Infinity]);
    await userEvent.keyboard('{Escape}');
    await waitFor(() => expect(screen.queryByText('E-FILE-MISSING')).toBeNull());
    expect(screen.getByText('E-DISK-FULL')).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Dismiss' }));
    await waitFor(() => expect(screen.queryByText('E-DISK-FULL')).toBeNull());
  });

  it('of good news give place to newer ones, and stay the longer the more there is to read', () => {
    show(<QuietNotice />);
    act(() => {
      notifySuccess('Copied');
      notifySuccess('Exported and proven', '/a/long/path/of/a/file.safetensors');
    });
    expect(screen.queryByText('Copied')).toBeNull();
    expect(screen.getByText('Exported and proven')).toBeTruthy();
    const [notice] = useNotices.getState().toasts;
    if (!notice) throw new Error('no notice');
    expect(stayMs(notice)).toBeGreaterThan(stayMs({ ...notice, detail: '' }));
    expect(stayMs(notice)).toBeGreaterThan(6000);
  });
});

describe('error log', () => {
  it('keeps an error after its toast is gone and copies it whole', async () => {
    const bridge = installBridge({ 'app.copyText': () => ({}) });
    show(<ErrorLog />);
    act(() => {
      notify(new HostError({ code: 'E-DISK-FULL', message: 'No space.', remedy: 'Free some.' }, 'exporting'));
      useNotices.setState({ toasts: [], logOpen: true });
    });
    await userEvent.click(screen.getByRole('button', { name: 'Copy details' }));
    const text = bridge.inputsOf('app.copyText')[0]?.text ?? '';
    expect(text).toContain('E-DISK-FULL No space.');
    expect(text).toContain('Free some.');
  });

  it('says that there are none', () => {
    useNotices.setState({ logOpen: true });
    show(<ErrorLog />);
    expect(screen.getByText('No errors in this session')).toBeTruthy();
  });
});

describe('recovered bar', () => {
  it('offers to resume the interrupted run', async () => {
    const run = sampleRun({ state: 'interrupted' });
    useProject.setState({ project: sampleProject(threeLayers, { recovered: true, runs: [run] }) });
    const bridge = installBridge({ 'run.resume': () => ({ ...run, state: 'running' }) });
    show(<RecoveredBar />);
    expect(screen.getByText(/step 100 of 752/)).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Resume W4A4' }));
    expect(bridge.inputsOf('run.resume')).toEqual([{ runId: 'run-1' }]);
    expect(screen.queryByText(/Restored/)).toBeNull();
  });

  it('is absent after an orderly end', () => {
    useProject.setState({ project: sampleProject() });
    const { container } = show(<RecoveredBar />);
    expect(container.textContent).toBe('');
  });
});

describe('panel boundary', () => {
  it('keeps a failing panel from taking the window down, logs it, and shows it again', async () => {
    const bridge = installBridge({ 'app.log': () => ({}) });
    let fails = true;
    const Panel = () => {
      if (fails) throw new Error('too many bins');
      return <p>drawn</p>;
    };
    // React repeats a caught error on the console; here it is expected.
    const console = vi.spyOn(globalThis.console, 'error').mockImplementation(() => undefined);
    show(
      <PanelBoundary name="Distribution">
        <Panel />
      </PanelBoundary>,
    );
    expect(screen.getByRole('alert').textContent).toContain('too many bins');
    expect(bridge.inputsOf('app.log')[0]?.message).toContain('Distribution');
    fails = false;
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(screen.getByText('drawn')).toBeTruthy();
    console.mockRestore();
  });
});
