/** Finds out what was dropped on the window and opens it. */
import { HostError, openDataset, openFolder, openModel, pathOfFile } from '../host/index.js';

export type FolderKind = 'project' | 'dataset' | 'unknown';

/** A project folder has its `project.json`; a data set folder has IDX files. */
export function folderKind(names: readonly string[]): FolderKind {
  if (names.includes('project.json')) return 'project';
  return names.some((name) => /-idx\d-ubyte(\.gz)?$/i.test(name)) ? 'dataset' : 'unknown';
}

/** Names in a folder; the reader gives at most 100 at a time, and more than 1000 are not needed. */
async function namesIn(folder: FileSystemDirectoryEntry): Promise<string[]> {
  const reader = folder.createReader();
  const names: string[] = [];
  while (names.length < 1000) {
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (batch.length === 0) break;
    names.push(...batch.map((entry) => entry.name));
  }
  return names;
}

async function openDroppedFolder(folder: FileSystemDirectoryEntry, path: string): Promise<void> {
  const kind = folderKind(await namesIn(folder));
  if (kind === 'project') await openFolder(path);
  else if (kind === 'dataset') await openDataset(path);
  else {
    throw new HostError(
      {
        code: 'E-FILE-FORMAT-UNKNOWN',
        message: `The folder “${folder.name}” holds neither a project nor a data set.`,
        remedy: 'Drop a .safetensors file, a project folder (with project.json) or a folder with IDX files.',
      },
      'opening a dropped folder',
    );
  }
}

/** Open the first thing dropped. A file goes to the main process as it is: that looks at its bytes. */
export async function openDropped(transfer: DataTransfer): Promise<void> {
  const file = transfer.files[0];
  if (!file) return;
  // Both must be read before the first await: the transfer is emptied after the event.
  const entry = transfer.items[0]?.webkitGetAsEntry?.() ?? null;
  const path = pathOfFile(file);
  if (entry?.isDirectory) await openDroppedFolder(entry as FileSystemDirectoryEntry, path);
  else await openModel(path);
}
