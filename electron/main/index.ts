/** The boot list of the main process, in order. */
import { join } from 'node:path';
import { app, type BrowserWindow, dialog, type Event } from 'electron';
import { type AppEvent, toErrorInfo } from '../contract/index.js';
import { createEngine, defaultAddonPath, type Engine, loadNative } from '../engine/index.js';
import { LibraryStore, RecentStore, SettingsStore } from '../store/index.js';
import { registerAppScheme, serveApp } from './app-protocol.js';
import { askToSuspend } from './dialogs.js';
import { createEventBus } from './event-bus.js';
import { createHandlers, reportError, settingsApplier } from './handlers.js';
import { connectIpc } from './ipc.js';
import { describe, setUpLog, write } from './log.js';
import { type MenuActions, showMenu } from './menu.js';
import { pathsInArguments } from './open-arguments.js';
import { createOpener, type Opener } from './opener.js';
import { createRouter } from './router.js';
import { denyNetworkAtStart, denySessionCapabilities } from './security.js';
import { showTrainingOnTaskbar } from './taskbar.js';
import { createMainWindow } from './window.js';
import { loadWindowState } from './window-state.js';

const memoryEveryMs = 2000;

setUpLog();
registerAppScheme();
denyNetworkAtStart();
if (app.requestSingleInstanceLock()) {
  void app
    .whenReady()
    .then(boot)
    .catch((error: unknown) => {
      write('error', 'boot', describe(error));
      const { message, remedy } = toErrorInfo(error);
      dialog.showErrorBox('QAT Workbench cannot start', `${message}\n\n${remedy}`);
      app.exit(1);
    });
} else {
  app.quit(); // The first instance gets our arguments through `second-instance`.
}

async function boot(): Promise<void> {
  const root = app.getAppPath();
  const userData = app.getPath('userData');
  denySessionCapabilities();
  serveApp(join(root, 'out', 'renderer'));

  const settings = await SettingsStore.open(join(userData, 'settings.json'));
  const recent = await RecentStore.open(join(userData, 'recent.json'));
  const libraries = await LibraryStore.open(join(userData, 'quantizer-libraries.json'));
  const addon = loadNative(defaultAddonPath(root));
  const applySettings = settingsApplier(addon);
  applySettings(settings.settings);

  const bus = createEventBus();
  let window: BrowserWindow | null = null;
  const emit = (event: AppEvent) => {
    bus.emit(event);
    if (window && !window.isDestroyed()) showTrainingOnTaskbar(window, event);
  };
  const engine = createEngine({
    addon,
    projectsFolder: join(userData, 'projects'),
    assetsFolder: join(root, 'assets'),
    emit,
  });
  await engine.libraries.load(libraries.libraries);
  const onError = (error: unknown, context: string) => {
    reportError(context, error);
    emit({ type: 'error', error: toErrorInfo(error), context });
  };
  const opener: Opener = createOpener({
    engine,
    recent,
    onError,
    onRecent: (entries) => showMenu(menuActions, entries),
    maySuspend: (training) => askToSuspend(theWindow(), training),
  });
  const openPath = (path: string) => {
    opener.path(path).catch((error: unknown) => onError(error, `opening ${path}`));
  };
  const menuActions: MenuActions = {
    command: (command) => emit({ type: 'menu.command', command }),
    openRecent: ({ path }) => openPath(path),
    clearRecent: () => {
      opener.clearRecent().catch((error: unknown) => onError(error, 'clearing the recent list'));
    },
  };

  const theWindow = (): BrowserWindow => {
    if (window && !window.isDestroyed()) return window;
    throw new Error('there is no window');
  };
  const router = createRouter(
    createHandlers({ addon, engine, bus, opener, settings, libraries, applySettings, window: theWindow }),
    reportError,
  );
  connectIpc(router);

  opener.start(pathsInArguments(process.argv, process.cwd(), root));
  showMenu(menuActions, await recent.list());
  const state = loadWindowState(userData);
  window = createMainWindow({
    state,
    onLoading: () => {
      router.cancelAll();
      bus.detach();
    },
  });

  openFromOutside(theWindow, openPath, root);
  reportMemory(emit);
  closeInOrder(engine, () => state.saved());
}

/** Paths that come while the app runs: a second start, a document dropped on its icon. */
function openFromOutside(window: () => BrowserWindow, openPath: (path: string) => void, root: string): void {
  app.on('second-instance', (_event: Event, argv: string[], workingFolder: string) => {
    window().show();
    window().focus();
    for (const path of pathsInArguments(argv, workingFolder, root)) openPath(path);
  });
  app.on('open-file', (event: Event, path: string) => {
    event.preventDefault();
    openPath(path);
  });
}

function reportMemory(emit: (event: AppEvent) => void): void {
  const timer = setInterval(() => {
    emit({ type: 'memory', residentBytes: process.memoryUsage.rss() });
  }, memoryEveryMs);
  timer.unref();
}

/** Quitting waits until the training has its checkpoint, the project is saved and every thread is joined. */
function closeInOrder(engine: Engine, windowSaved: () => Promise<void>): void {
  let closed = false;
  app.on('before-quit', () => write('info', 'main', 'quitting'));
  app.on('window-all-closed', () => app.quit());
  app.on('will-quit', (event) => {
    if (closed) return;
    event.preventDefault();
    Promise.all([engine.dispose(), windowSaved()])
      .catch((error: unknown) => write('error', 'main', describe(error)))
      .finally(() => {
        closed = true;
        app.quit();
      });
  });
}
