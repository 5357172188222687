/** Open and save dialogs. Each answers null when the user closes it. */
import { basename, join } from 'node:path';
import { app, type BrowserWindow, dialog } from 'electron';

export async function askForModel(window: BrowserWindow): Promise<string | null> {
  return askForPath(window, {
    title: 'Open Model',
    properties: ['openFile'],
    filters: [
      { name: 'Models', extensions: ['safetensors'] },
      { name: 'All Files', extensions: ['*'] },
    ],
  });
}

export async function askForProject(window: BrowserWindow): Promise<string | null> {
  return askForPath(window, { title: 'Open Project', properties: ['openDirectory'] });
}

export async function askForDataset(window: BrowserWindow): Promise<string | null> {
  return askForPath(window, {
    title: 'Open Data Set: a folder with train- and t10k- IDX files',
    properties: ['openDirectory'],
  });
}

export async function askForInputs(window: BrowserWindow): Promise<string | null> {
  return askForPath(window, {
    title: 'Choose Inputs: one row per sample',
    properties: ['openFile'],
    filters: [
      { name: 'Matrices', extensions: ['npy', 'safetensors'] },
      { name: 'All Files', extensions: ['*'] },
    ],
  });
}

export async function askWhereToExport(window: BrowserWindow, name: string): Promise<string | null> {
  return askWhereToSave(window, 'Export Quantized Weights', name, 'safetensors');
}

/** `path`: of the model that the new one is made from. */
export async function askWhereToWriteModel(window: BrowserWindow, path: string): Promise<string | null> {
  const name = `${basename(path).replace(/\.safetensors$/i, '')} - equalised`;
  return askWhereToSave(window, 'Write Folded and Equalised Model', name, 'safetensors');
}

export async function askWhereToSave(
  window: BrowserWindow,
  title: string,
  name: string,
  extension: string,
): Promise<string | null> {
  const fileName = `${basename(name).replace(/[^\p{L}\p{N} ._()-]/gu, '_')}.${extension}`;
  const { canceled, filePath } = await dialog.showSaveDialog(window, {
    title,
    // Always given: the platform's own default differs between Electron versions.
    defaultPath: join(app.getPath('documents'), fileName),
    filters: [{ name: extension.toUpperCase(), extensions: [extension] }],
  });
  if (canceled || !filePath) return null;
  return filePath.toLowerCase().endsWith(`.${extension}`) ? filePath : `${filePath}.${extension}`;
}

/** Whether a training may be suspended so that another project can be opened. */
export async function askToSuspend(window: BrowserWindow, training: string): Promise<boolean> {
  const { response } = await dialog.showMessageBox(window, {
    type: 'question',
    message: `${training} is still training.`,
    detail:
      'Opening another project suspends it at its last step. You can resume it when you open this one again.',
    buttons: ['Suspend and Open', 'Cancel'],
    defaultId: 0,
    cancelId: 1,
  });
  return response === 0;
}

export async function askForLibrary(window: BrowserWindow): Promise<string | null> {
  return askForPath(window, {
    title: 'Add Quantizer Library',
    properties: ['openFile'],
    filters: [
      { name: 'Shared Libraries', extensions: ['so', 'dylib', 'dll'] },
      { name: 'All Files', extensions: ['*'] },
    ],
  });
}

/** Whether native code may run in this process, now and at every start. */
export async function askToAllowLibrary(
  window: BrowserWindow,
  path: string,
  sha256: string,
): Promise<boolean> {
  const { response } = await dialog.showMessageBox(window, {
    type: 'warning',
    message: `Run ${basename(path)} as part of QAT Workbench?`,
    detail: `A quantizer library is native code. It can read, change and send everything that you can, and a fault in it can end the application. Add it only if you trust who made it.\n\n${path}\nSHA-256 ${sha256}\n\nIt is loaded now and at every start, as long as the file stays the same.`,
    buttons: ['Add Library', 'Cancel'],
    defaultId: 1,
    cancelId: 1,
  });
  return response === 0;
}

async function askForPath(
  window: BrowserWindow,
  options: Electron.OpenDialogOptions,
): Promise<string | null> {
  const { canceled, filePaths } = await dialog.showOpenDialog(window, {
    defaultPath: app.getPath('documents'),
    ...options,
  });
  return canceled ? null : (filePaths[0] ?? null);
}
