/** The one window: sandboxed, isolated, shown when it has something to show. */
import { join } from 'node:path';
import { app, BrowserWindow, nativeTheme } from 'electron';
import { appEntryUrl } from './app-url.js';
import { write } from './log.js';
import type { WindowStateStore } from './window-state.js';

/** Window backgrounds equal the theme's --bg0, so that no white frame flashes up. */
const background = { dark: '#0e1116', light: '#f4f6f9' };

export interface MainWindowHooks {
  state: WindowStateStore;
  /** The page starts (again): events wait until it says it is ready. */
  onLoading(): void;
}

export function createMainWindow(hooks: MainWindowHooks): BrowserWindow {
  const window = new BrowserWindow({
    ...hooks.state.bounds,
    minWidth: 960,
    minHeight: 600,
    show: false,
    title: 'QAT Workbench',
    backgroundColor: nativeTheme.shouldUseDarkColors ? background.dark : background.light,
    webPreferences: {
      preload: join(__dirname, '../preload/index.cjs'),
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webviewTag: false,
      spellcheck: false,
      devTools: !app.isPackaged,
      // The charts of a training go on while the window is covered.
      backgroundThrottling: false,
    },
  });
  window.once('ready-to-show', () => {
    if (hooks.state.maximized) window.maximize();
    window.show();
  });
  window.webContents.on('did-start-loading', hooks.onLoading);
  window.webContents.on('render-process-gone', (_event, details) => {
    if (details.reason === 'clean-exit') return;
    write('error', 'window', `the page ended: ${details.reason} (${details.exitCode})`);
    hooks.onLoading();
    if (!window.isDestroyed()) window.webContents.reload();
  });
  hooks.state.track(window);
  void window.loadURL(appEntryUrl).catch((error: unknown) => write('error', 'window', String(error)));
  return window;
}
