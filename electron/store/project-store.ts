/**
 * An open project on disk. Every save is acknowledged only when it would survive the end of the process and
 * a power cut; saves made while one is being written are written together.
 */
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Configuration, DatasetInfo, ExportRecord, ViewState } from '../contract/index.js';
import { QatError } from '../contract/index.js';
import { removeStaleTemporaryFiles, syncFolder } from '../formats/atomic-file.js';
import { errnoOf, toWriteError } from '../formats/file-errors.js';
import { AppendFile } from './append-file.js';
import { toFolderName } from './folder-name.js';
import { encodeJournalLine, journalLineLimitBytes } from './journal.js';
import {
  applyEdit,
  editSchema,
  type LayerResults,
  type ModelReference,
  type ProjectDocument,
  type ProjectEdit,
  projectDocumentSchema,
  projectSchemaVersion,
} from './project-document.js';
import { keepDamaged, loadProject, projectPaths, storeProject } from './project-files.js';
import { lockProject, type ProjectLock } from './project-lock.js';
import { RunStore } from './run-store.js';

/** A journal of this size is folded into project.json. */
const journalFoldBytes = 1024 * 1024;

export interface ProjectInit {
  readonly name: string;
  readonly sample: boolean;
  readonly model: ModelReference;
  readonly dataset: DatasetInfo | null;
  readonly trainingReason: string | null;
  readonly configuration: Configuration;
  readonly view: ViewState;
}

interface WaitingEdit {
  readonly line: Buffer;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Makes a new project in a new folder below `baseFolder` and opens it.
 * @throws E-REQUEST-INVALID, E-DISK-*
 */
export async function createProject(baseFolder: string, init: ProjectInit): Promise<ProjectStore> {
  const document = validDocument({
    schemaVersion: projectSchemaVersion,
    id: randomUUID(),
    createdAt: new Date().toISOString(),
    layerResults: {},
    layerStates: {},
    layerOutcomes: {},
    exports: [],
    lastSeq: 0,
    closedCleanly: false,
    ...init,
  });
  const folder = await makeFolder(resolve(baseFolder), toFolderName(init.name));
  const lock = await lockProject(folder);
  return openLocked(lock, async () => {
    const text = await storeProject(folder, document, undefined);
    return new ProjectStore(folder, lock, document, text, await RunStore.open(folder), false, []);
  });
}

/**
 * Opens the project in `folder`, replaying the journal after a crash and falling back to the backup of a
 * damaged project.json; `notices` says so.
 * @throws E-PROJECT-NONE, E-PROJECT-DAMAGED, E-PROJECT-NEWER, E-PROJECT-LOCKED, E-FILE-*, E-DISK-*
 */
export async function openProject(folder: string): Promise<ProjectStore> {
  const path = resolve(folder);
  // Looked at before anything is written, so that a folder without a project stays untouched.
  await loadProject(path);
  const lock = await lockProject(path);
  return openLocked(lock, async () => {
    await removeStaleTemporaryFiles(path);
    const { document, text, notices } = await loadProject(path);
    const runs = await RunStore.open(path);
    const open = { ...document, schemaVersion: projectSchemaVersion, closedCleanly: false };
    if (text === undefined) await keepDamaged(path);
    const newText = await storeProject(path, open, text);
    return new ProjectStore(path, lock, open, newText, runs, !document.closedCleanly, [
      ...notices,
      ...runs.notices,
    ]);
  });
}

async function openLocked(lock: ProjectLock, open: () => Promise<ProjectStore>): Promise<ProjectStore> {
  try {
    return await open();
  } catch (thrown) {
    await lock.release();
    throw thrown;
  }
}

async function makeFolder(baseFolder: string, name: string): Promise<string> {
  try {
    await mkdir(baseFolder, { recursive: true });
  } catch (thrown) {
    throw toWriteError(baseFolder, thrown);
  }
  for (let number = 1; ; number++) {
    const folder = join(baseFolder, number === 1 ? name : `${name}-${number}`);
    try {
      await mkdir(folder);
      await syncFolder(baseFolder);
      return folder;
    } catch (thrown) {
      if (errnoOf(thrown) !== 'EEXIST') throw toWriteError(folder, thrown);
    }
  }
}

function validDocument(document: ProjectDocument): ProjectDocument {
  const parsed = projectDocumentSchema.safeParse(document);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new QatError(
    'E-REQUEST-INVALID',
    `The project could not be made: ${issue?.path.join('.')}: ${issue?.message}.`,
    'Report it with the log.',
    { cause: parsed.error },
  );
}

export class ProjectStore {
  readonly folder: string;
  readonly runs: RunStore;
  /** The process that had the project open before ended without closing it. */
  readonly recovered: boolean;
  /** What was found amiss on opening, in words for the user. */
  readonly notices: readonly string[];
  readonly #lock: ProjectLock;
  #document: ProjectDocument;
  #projectText: string;
  #journal: AppendFile | undefined;
  /** Set when the journal alone no longer leads to the document; the next save writes project.json. */
  #mustFold = false;
  #waiting: WaitingEdit[] = [];
  #pumping: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  /** Use `createProject` or `openProject`. */
  constructor(
    folder: string,
    lock: ProjectLock,
    document: ProjectDocument,
    projectText: string,
    runs: RunStore,
    recovered: boolean,
    notices: readonly string[],
  ) {
    this.folder = folder;
    this.#lock = lock;
    this.#document = document;
    this.#projectText = projectText;
    this.runs = runs;
    this.recovered = recovered;
    this.notices = notices;
  }

  /** The current state; saves change it at once, before they are on disk. */
  get document(): ProjectDocument {
    return this.#document;
  }

  /** Replaces the configurations of the named layers. @throws E-REQUEST-INVALID, E-PROJECT-NONE, E-DISK-* */
  saveConfiguration(changes: Configuration): Promise<void> {
    return this.#save({ kind: 'configuration', data: changes });
  }

  /** Replaces the results of the named layers. @throws as `saveConfiguration` */
  saveLayerResults(results: LayerResults): Promise<void> {
    return this.#save({ kind: 'layerResults', data: results });
  }

  /** The layers of a document of version 1 as results. @throws as `saveConfiguration` */
  adoptLayers(results: LayerResults): Promise<void> {
    return this.#save({ kind: 'adoptedLayers', data: results });
  }

  /** @throws as `saveConfiguration` */
  saveView(view: ViewState): Promise<void> {
    return this.#save({ kind: 'view', data: view });
  }

  /** The model file was found at another place, or another file is meant. @throws as `saveConfiguration` */
  saveModel(model: ModelReference): Promise<void> {
    return this.#save({ kind: 'model', data: model });
  }

  /** @throws as `saveConfiguration` */
  saveDataset(dataset: DatasetInfo | null, trainingReason: string | null): Promise<void> {
    return this.#save({ kind: 'dataset', data: { dataset, trainingReason } });
  }

  /** @throws as `saveConfiguration` */
  addExport(record: ExportRecord): Promise<void> {
    return this.#save({ kind: 'export', data: record });
  }

  async #save(edit: ProjectEdit): Promise<void> {
    if (this.#closing) throw closedError(this.folder);
    const parsed = editSchema.safeParse(edit);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw new QatError(
        'E-REQUEST-INVALID',
        `The change of ${edit.kind} is not valid: ${issue?.path.join('.')}: ${issue?.message}.`,
        'Report it with the log.',
        { cause: parsed.error },
      );
    }
    const seq = this.#document.lastSeq + 1;
    const line = encodeJournalLine({ seq, edit: parsed.data });
    this.#document = { ...applyEdit(this.#document, parsed.data), lastSeq: seq };
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ line, resolve, reject });
      this.#pumping ??= this.#pump();
    });
  }

  async #pump(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#write(batch.map((edit) => edit.line));
        for (const edit of batch) edit.resolve();
      } catch (thrown) {
        // The document is ahead of the journal now, and appending after a gap would lose what follows.
        this.#mustFold = true;
        for (const edit of batch) edit.reject(thrown);
      }
    }
    this.#pumping = undefined;
  }

  async #write(lines: readonly Buffer[]): Promise<void> {
    const tooLong = lines.some((line) => line.length > journalLineLimitBytes);
    if (this.#mustFold || tooLong) {
      await this.#fold(this.#document, false);
      return;
    }
    if (!this.#journal) {
      this.#journal = await AppendFile.open(projectPaths(this.folder).journal, true);
      await syncFolder(this.folder);
    }
    await this.#journal.append(Buffer.concat(lines));
    // These edits are safe already: when folding fails, the next save tries again.
    if (this.#journal.sizeBytes > journalFoldBytes) {
      await this.#fold(this.#document, true).catch(() => undefined);
    }
  }

  /**
   * Writes the whole document; the journal starts anew.
   * @param journaled whether every edit of `document` has reached the journal or will
   */
  async #fold(document: ProjectDocument, journaled: boolean): Promise<void> {
    const journal = this.#journal;
    this.#journal = undefined;
    // Its content is part of the document: failing to flush it once more loses nothing.
    await journal?.close().catch(() => undefined);
    this.#projectText = await storeProject(this.folder, document, journaled ? this.#projectText : undefined);
    this.#mustFold = false;
  }

  /**
   * Writes what is pending, marks the project as closed and gives it free. Calling it again waits for the
   * first call. @throws E-DISK-*; the project is free all the same and opens as after a crash
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#pumping;
    try {
      await this.runs.close();
      this.#document = { ...this.#document, closedCleanly: true };
      await this.#fold(this.#document, !this.#mustFold);
    } finally {
      await this.#lock.release();
    }
  }
}

function closedError(folder: string): QatError {
  return new QatError('E-PROJECT-NONE', `${folder} has been closed.`, 'Open the project again.');
}
