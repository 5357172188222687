/** Opening things, whoever asks: the window, the menu, the command line, a second start; and the recent list. */
import { isActive, type ProjectState, QatError, type RecentEntry } from '../contract/index.js';
import type { CallOptions, Engine } from '../engine/index.js';
import { detectPath } from '../formats/index.js';
import type { RecentStore } from '../store/index.js';

export interface Opener {
  sample(options?: CallOptions): Promise<ProjectState>;
  folder(path: string, options?: CallOptions): Promise<ProjectState>;
  /** Whatever the path is, by its content: a model, a project, or a data set for the open model. */
  path(path: string, options?: CallOptions): Promise<ProjectState>;
  /**
   * At the start: the first path given, else the project open last, else the sample. A path that cannot be
   * opened leaves the start screen, with its error.
   */
  start(paths: readonly string[]): void;
  /** Resolves when the opening at the start has ended, well or not. */
  started(): Promise<void>;
  recent(): Promise<RecentEntry[]>;
  clearRecent(): Promise<void>;
}

export interface OpenerParts {
  engine: Engine;
  recent: RecentStore;
  /** The recent list changed: the menu shows it. */
  onRecent(entries: RecentEntry[]): void;
  onError(error: unknown, context: string): void;
  /** Whether the training named may be suspended to open something else. */
  maySuspend(training: string): Promise<boolean>;
}

export function createOpener({ engine, recent, onRecent, onError, maySuspend }: OpenerParts): Opener {
  let starting: Promise<void> = Promise.resolve();

  async function remember(project: ProjectState): Promise<ProjectState> {
    try {
      await recent.add({ kind: 'project', name: project.name, path: project.folder });
      onRecent(await recent.list());
    } catch (error) {
      onError(error, 'remembering what was opened'); // The project itself is open.
    }
    return project;
  }

  /** Another project takes the place of the open one: a training in it stops, which the user should know. */
  async function replace(open: () => Promise<ProjectState>): Promise<ProjectState> {
    const training = engine.project.open?.state().runs.find(isActive);
    if (training && !(await maySuspend(training.name))) {
      throw new QatError(
        'E-CANCELLED',
        `${training.name} goes on.`,
        'Open the other project when it has ended.',
      );
    }
    return remember(await open());
  }

  const opener: Opener = {
    sample: (options) => replace(() => engine.project.openSample(options)),
    folder: (path, options) => replace(() => engine.project.openFolder({ path }, options)),
    path: async (path, options) => {
      const found = await detectPath(path);
      if (found.kind === 'project') return opener.folder(found.path, options);
      if (found.kind === 'safetensors') return replace(() => engine.project.openModel(found, options));
      if (engine.project.open) return engine.project.openDataset(found, options);
      throw new QatError(
        'E-PROJECT-NONE',
        `${found.path} is a data set, and no model is open to train on it.`,
        'Open a model first, then the data set.',
      );
    },
    start: (paths) => {
      starting = openAtStart(opener, paths).catch((error: unknown) => onError(error, 'opening at the start'));
    },
    started: () => starting,
    recent: () => recent.list(),
    clearRecent: async () => {
      await recent.clear();
      onRecent([]);
    },
  };

  async function openAtStart(own: Opener, paths: readonly string[]): Promise<void> {
    const [first, ...rest] = paths;
    if (first !== undefined) {
      await own.path(first);
      for (const path of rest) await own.path(path);
      return;
    }
    const last = (await recent.list()).find((entry) => entry.kind === 'project' && !entry.missing);
    if (!last) {
      await own.sample();
      return;
    }
    try {
      await own.folder(last.path);
    } catch (error) {
      // The last project cannot be opened: say why, and leave the user something that works.
      onError(error, `reopening ${last.name}`);
      await own.sample();
    }
  }

  return opener;
}
