/**
 * project.json, its backup and the two journals as one unit. At every moment of a save, also between its
 * steps, either project.json or the backup together with the journals gives the newest acknowledged state:
 *   1. backup ← the project.json that is about to be replaced
 *   2. project.json ← the new document
 *   3. journal.previous.ndjson ← journal.ndjson, whose edits the document now contains
 */
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { QatError } from '../contract/errors.js';
import { syncFolder, writeFileAtomic } from '../formats/atomic-file.js';
import { errnoOf, toWriteError } from '../formats/file-errors.js';
import { readJournal, replay } from './journal.js';
import { type ProjectDocument, projectDocumentSchema, projectSchemaVersion } from './project-document.js';
import { damagedError, jsonFileLimitBytes, readJsonFile } from './read-json.js';

export function projectPaths(folder: string) {
  return {
    project: join(folder, 'project.json'),
    backup: join(folder, 'project.backup.json'),
    damaged: join(folder, 'project.damaged.json'),
    journal: join(folder, 'journal.ndjson'),
    previousJournal: join(folder, 'journal.previous.ndjson'),
  };
}

export interface LoadedProject {
  readonly document: ProjectDocument;
  /** project.json as it is on disk when it is good; undefined when the backup had to stand in. */
  readonly text: string | undefined;
  /** What was found amiss, in words for the user. */
  readonly notices: readonly string[];
}

/** @throws E-PROJECT-NONE, E-PROJECT-DAMAGED, E-PROJECT-NEWER, E-FILE-* */
export async function loadProject(folder: string): Promise<LoadedProject> {
  const paths = projectPaths(folder);
  const notices: string[] = [];
  const base = await loadBase(folder, notices);
  let document = base.document;
  for (const path of [paths.previousJournal, paths.journal]) {
    const { entries, lostBytes } = await readJournal(path);
    document = replay(document, entries);
    if (lostBytes > 0) notices.push(`The last ${lostBytes} bytes of ${path} were incomplete and left out.`);
  }
  return { document, text: base.text, notices };
}

async function loadBase(
  folder: string,
  notices: string[],
): Promise<{ document: ProjectDocument; text: string | undefined }> {
  const { project, backup } = projectPaths(folder);
  let failure: QatError;
  try {
    const { value, text } = await readJsonFile(project, projectDocumentSchema, projectSchemaVersion);
    return { document: value, text };
  } catch (thrown) {
    if (!(thrown instanceof QatError) || thrown.code === 'E-PROJECT-NEWER') throw thrown;
    failure = thrown;
  }
  try {
    const { value } = await readJsonFile(backup, projectDocumentSchema, projectSchemaVersion);
    notices.push(`${failure.message} The backup beside it was opened instead.`);
    return { document: value, text: undefined };
  } catch (thrown) {
    if (thrown instanceof QatError && thrown.code === 'E-PROJECT-NEWER') throw thrown;
    if (failure.code !== 'E-FILE-MISSING') throw failure;
    throw new QatError(
      'E-PROJECT-NONE',
      `${folder} holds no project: there is no project.json in it.`,
      'Choose a project folder, or open a model file to start a new project.',
      { cause: thrown },
    );
  }
}

export function renderDocument(document: ProjectDocument): string {
  return `${JSON.stringify(document, null, 1)}\n`;
}

/**
 * Steps 1 to 3 above; the journal must be closed. Returns the text now in project.json.
 * @param backupText project.json as it is now when the journals lead from it to `document`; undefined when
 *   they do not (it is damaged, or an edit never reached the journal): then the backup is made new as well
 * @throws E-DISK-*, E-PROJECT-DAMAGED when the document has outgrown its limit
 */
export async function storeProject(
  folder: string,
  document: ProjectDocument,
  backupText: string | undefined,
): Promise<string> {
  const paths = projectPaths(folder);
  const text = renderDocument(document);
  if (Buffer.byteLength(text) > jsonFileLimitBytes) {
    // Written, it could not be opened again.
    throw damagedError(paths.project, `it would grow beyond ${jsonFileLimitBytes} bytes and was not saved`);
  }
  await writeFileAtomic(paths.backup, backupText ?? text);
  await writeFileAtomic(paths.project, text);
  await moveIfPresent(paths.journal, paths.previousJournal);
  await syncFolder(folder);
  return text;
}

/** Moves a project.json that cannot be read out of the way, for whoever wants to look at it. */
export async function keepDamaged(folder: string): Promise<void> {
  const { project, damaged } = projectPaths(folder);
  await moveIfPresent(project, damaged);
}

async function moveIfPresent(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT') throw toWriteError(to, thrown);
  }
}
