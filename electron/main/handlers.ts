/** One handler per route. Dialogs, clipboard and folders are done here; all else is the engine's. */

import { app, type BrowserWindow, nativeTheme, shell } from 'electron';
import { type AppInfo, type ProjectState, type Settings, toErrorInfo } from '../contract/index.js';
import type { Engine, NativeAddon } from '../engine/index.js';
import { hashFile, writeFileAtomic } from '../formats/index.js';
import type { LibraryStore, SettingsStore } from '../store/index.js';
import { copyImage, copyText } from './clipboard.js';
import {
  askForDataset,
  askForInputs,
  askForLibrary,
  askForModel,
  askForProject,
  askToAllowLibrary,
  askWhereToExport,
  askWhereToSave,
  askWhereToWriteModel,
} from './dialogs.js';
import type { EventBus } from './event-bus.js';
import { write } from './log.js';
import type { Opener } from './opener.js';
import type { Handlers } from './router.js';

export interface HandlerParts {
  addon: NativeAddon;
  engine: Engine;
  bus: EventBus;
  opener: Opener;
  settings: SettingsStore;
  libraries: LibraryStore;
  applySettings(settings: Settings): void;
  window(): BrowserWindow;
}

const nothing = {};

export function createHandlers(parts: HandlerParts): Handlers {
  return {
    ...appHandlers(parts),
    ...libraryHandlers(parts),
    ...projectHandlers(parts),
    ...modelHandlers(parts),
    ...workHandlers(parts),
    ...fileHandlers(parts),
  };
}

type Part<P extends string> = Pick<Handlers, Extract<keyof Handlers, `${P}.${string}`>>;

function appHandlers({ addon, bus, settings, applySettings, window }: HandlerParts): Part<'app'> {
  return {
    'app.info': async () => appInfo(addon, settings.settings),
    'app.ready': async () => {
      bus.attach(window().webContents);
      return nothing;
    },
    'app.setSettings': async (wanted) => {
      const saved = await settings.save(wanted);
      applySettings(saved);
      bus.emit({ type: 'settings.changed', settings: saved });
      return saved;
    },
    'app.showInFolder': async ({ path }) => {
      shell.showItemInFolder(path);
      return nothing;
    },
    'app.copyText': async ({ text }) => {
      await copyText(text);
      return nothing;
    },
    'app.copyImage': async ({ png }) => {
      await copyImage(Buffer.from(png, 'base64'));
      return nothing;
    },
    'app.log': async ({ level, message }) => {
      write(level, 'page', message);
      return nothing;
    },
  };
}

function libraryHandlers({ engine, libraries, window }: HandlerParts): Part<'library'> {
  const saved = async () => {
    await libraries.save(engine.libraries.allowed);
    return { libraries: engine.libraries.states };
  };
  return {
    'library.list': async () => ({ libraries: engine.libraries.states }),
    'library.add': async () => {
      const path = await askForLibrary(window());
      if (path === null) return { libraries: engine.libraries.states };
      const { sha256 } = await hashFile(path);
      if (await askToAllowLibrary(window(), path, sha256)) await engine.libraries.add(path, sha256);
      return saved();
    },
    'library.remove': async ({ id }) => {
      engine.libraries.remove(id);
      return saved();
    },
  };
}

function projectHandlers({ engine, opener, window }: HandlerParts): Part<'project'> {
  /** `path` null asks with `ask`; closing the dialog is an answer, not an error. */
  const opening = async (
    path: string | null,
    ask: (window: BrowserWindow) => Promise<string | null>,
    open: (path: string) => Promise<ProjectState>,
  ) => {
    const chosen = path ?? (await ask(window()));
    return { project: chosen === null ? null : await open(chosen) };
  };
  return {
    'project.current': async () => {
      await opener.started();
      return engine.project.current();
    },
    'project.openSample': (_input, options) => opener.sample(options),
    'project.openModel': ({ path }, options) =>
      opening(path, askForModel, (chosen) => opener.path(chosen, options)),
    'project.openFolder': ({ path }, options) =>
      opening(path, askForProject, (chosen) => opener.folder(chosen, options)),
    'project.openDataset': ({ path }, options) =>
      opening(path, askForDataset, (chosen) => engine.project.openDataset({ path: chosen }, options)),
    'project.recent': async () => ({ entries: await opener.recent() }),
    'project.clearRecent': async () => {
      await opener.clearRecent();
      return nothing;
    },
    'project.configure': (input) => engine.project.configure(input),
    'project.saveView': (input) => engine.project.saveView(input),
  };
}

function modelHandlers({ engine, window }: HandlerParts): Part<'model'> {
  return {
    'model.transforms': () => engine.transforms.plan(),
    'model.tryTransforms': (input, options) => engine.transforms.try(input, options),
    'model.writeTransformed': async ({ choice, path }, options) => {
      const name = engine.project.open?.model.file.path ?? 'model';
      const target = path ?? (await askWhereToWriteModel(window(), name));
      const record = target && (await engine.transforms.write({ choice, path: target }, options));
      return { record: record || null };
    },
    'model.allocate': (input, options) => engine.allocation.allocate(input, options),
  };
}

function workHandlers({ engine, window }: HandlerParts): Part<'layer' | 'run' | 'job'> {
  const { layers, runs, jobs } = engine;
  return {
    'layer.analyze': (input, options) => layers.analyze(input, options),
    'layer.whatIf': (input, options) => layers.whatIf(input, options),
    'layer.thumbnails': (input, options) => layers.thumbnails(input, options),
    'layer.prepare': (input, options) => layers.prepare(input, options),
    'layer.quantize': (input, options) => layers.quantize(input, options),
    'layer.train': (input, options) => layers.train(input, options),
    'layer.chooseInputs': async ({ layers: names }, options) => {
      const path = await askForInputs(window());
      return { file: path === null ? null : await layers.checkInputsFile(path, names, options) };
    },
    'layer.reset': (input) => layers.reset(input),
    'layer.restore': (input) => layers.restore(input),
    'run.start': (input, options) => runs.start(input, options),
    'run.pause': (input) => runs.pause(input),
    'run.resume': (input, options) => runs.resume(input, options),
    'run.cancel': (input) => runs.cancel(input),
    'run.rename': (input) => runs.rename(input),
    'run.delete': async (input) => {
      await runs.delete(input);
      return nothing;
    },
    'run.series': (input) => runs.series(input),
    'job.cancel': async ({ jobId }) => {
      jobs.cancel(jobId);
      return nothing;
    },
  };
}

function fileHandlers({ engine, window }: HandlerParts): Part<'export' | 'chart'> {
  return {
    'export.write': async ({ runId, path }, options) => {
      const project = engine.project.open?.state();
      const run = project?.runs.find((candidate) => candidate.id === runId);
      const name = [project?.name ?? 'model', run?.name ?? 'quantized'].join(' - ');
      const target = path ?? (await askWhereToExport(window(), name));
      return {
        record: target === null ? null : await engine.exports.write({ runId, path: target }, options),
      };
    },
    'export.verify': (input, options) => engine.exports.verify(input, options),
    'chart.save': async ({ kind, name, data }) => {
      const path = await askWhereToSave(window(), 'Save Chart', name, kind);
      if (path !== null) await writeFileAtomic(path, kind === 'png' ? Buffer.from(data, 'base64') : data);
      return { path };
    },
  };
}

function appInfo(addon: NativeAddon, settings: Settings): AppInfo {
  const { isa, threads } = addon.info();
  return {
    version: app.getVersion(),
    electron: process.versions.electron ?? '',
    chromium: process.versions.chrome ?? '',
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    backend: { device: 'CPU', isa, threads },
    settings,
  };
}

/** What makes settings take effect. Threads 0 = as many as the engine chose when it was loaded. */
export function settingsApplier(addon: NativeAddon): (settings: Settings) => void {
  const chosenByEngine = addon.info().threads;
  return ({ theme, threads }) => {
    nativeTheme.themeSource = theme;
    addon.setThreads(threads > 0 ? threads : chosenByEngine);
  };
}

export function reportError(route: string, error: unknown): void {
  const info = toErrorInfo(error);
  const stack = info.code === 'E-INTERNAL' && error instanceof Error ? `\n${error.stack ?? ''}` : '';
  write('error', route, `${info.code} ${info.message}${stack}`);
}
