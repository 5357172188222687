import { expect, test } from '@playwright/test';
import type { QatBridge } from '../../electron/contract/bridge.js';
import { launch } from '../support/launch.js';
import { projectIsOpen } from '../support/workbench.js';

declare global {
  interface Window {
    qat?: QatBridge;
  }
}

test('the window is sandboxed: no Node, no eval, no network, no way out', async () => {
  const workbench = await launch();
  const { app, page } = workbench;
  await projectIsOpen(page);

  const globals = await page.evaluate(() =>
    ['require', 'process', 'module', 'global', 'Buffer', '__dirname', 'electron'].filter(
      (name) => name in window,
    ),
  );
  expect(globals).toEqual([]);
  expect(await page.evaluate(() => Object.keys(window.qat ?? {}).sort())).toEqual(
    ['cancel', 'onEvent', 'pathOf', 'request'].sort(),
  );
  const settings = await app.evaluate(({ BrowserWindow }) => {
    const contents = BrowserWindow.getAllWindows()[0]?.webContents as unknown as {
      getLastWebPreferences(): Record<string, unknown>;
    };
    const { sandbox, contextIsolation, nodeIntegration, webviewTag, nodeIntegrationInWorker } =
      contents.getLastWebPreferences();
    return { sandbox, contextIsolation, nodeIntegration, webviewTag, nodeIntegrationInWorker };
  });
  expect(settings).toMatchObject({ sandbox: true, contextIsolation: true, nodeIntegration: false });
  expect(settings.webviewTag).not.toBe(true);
  expect(settings.nodeIntegrationInWorker).not.toBe(true);

  const attempts = await page.evaluate(async () => {
    const tried: Record<string, string> = {};
    const attempt = async (name: string, action: () => unknown) => {
      try {
        const result = await action();
        tried[name] = result === null || result === undefined ? 'nothing' : 'done';
      } catch {
        tried[name] = 'refused';
      }
    };
    // Later, on the page's own turn: what the debugger itself evaluates is exempt from the policy.
    const ownTurn = (action: () => unknown) =>
      new Promise((done, fail) => {
        setTimeout(() => {
          try {
            done(action());
          } catch (refused) {
            fail(refused);
          }
        });
      });
    // biome-ignore lint/security/noGlobalEval: this test shows that it is refused
    await attempt('eval', () => ownTurn(() => globalThis.eval('1+1')));
    await attempt('Function', () => ownTurn(() => new Function('return 1')()));
    await attempt('string timer', () =>
      ownTurn(() => {
        setTimeout('window.stringTimerRan = 1' as unknown as () => void);
      })
        .then(() => new Promise((done) => setTimeout(done, 50)))
        .then(() => (window as { stringTimerRan?: number }).stringTimerRan),
    );
    await attempt('fetch', () => fetch('https://example.com/'));
    await attempt(
      'websocket',
      () =>
        new Promise((done, fail) => {
          const socket = new WebSocket('wss://example.com/');
          socket.onerror = () => fail(new Error('refused'));
          socket.onopen = done;
        }),
    );
    await attempt('file', () => fetch('file:///etc/passwd'));
    await attempt('outside', async () => {
      const answer = await fetch('app://workbench/..%2f..%2fpackage.json');
      if (!answer.ok) throw new Error('refused');
      return answer;
    });
    await attempt('window', () => window.open('https://example.com/'));
    await attempt(
      'geolocation',
      () =>
        new Promise((done, fail) => {
          navigator.geolocation.getCurrentPosition(done, fail);
        }),
    );
    await attempt('notifications', async () =>
      (await Notification.requestPermission()) === 'granted' ? 1 : null,
    );
    return tried;
  });
  expect(Object.entries(attempts).filter(([, outcome]) => outcome === 'done')).toEqual([]);

  await page.evaluate(() => {
    window.location.href = 'https://example.com/';
  });
  await page.waitForTimeout(300);
  expect(page.url()).toContain('app://workbench/');
  expect(app.windows().length).toBe(1);

  const answers = await page.evaluate(async () => {
    const hostile: [string, unknown][] = [
      ['nope', {}],
      ['__proto__', {}],
      ['project.openModel', { path: 7 }],
      ['run.start', { name: null, training: { epochs: 1e9 } }],
      ['layer.prepare', { layers: ['no such layer'] }],
      ['chart.save', { kind: 'exe', name: 'x', data: '' }],
    ];
    const codes: string[] = [];
    for (const [route, input] of hostile) {
      const answer = await window.qat?.request(route as 'app.info', input as never);
      codes.push(answer?.ok === false ? answer.error.code : 'answered');
    }
    return codes;
  });
  expect(answers).toEqual([
    'E-REQUEST-INVALID',
    'E-REQUEST-INVALID',
    'E-REQUEST-INVALID',
    'E-REQUEST-INVALID',
    'E-LAYER-UNKNOWN',
    'E-REQUEST-INVALID',
  ]);
  // What was refused above is what the policy reports; nothing else may have been.
  workbench.problems.length = 0;
  await workbench.close();
});
