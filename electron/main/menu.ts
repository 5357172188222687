/** The native menu, from the contract's command table: one label and one shortcut per command. */
import { basename } from 'node:path';
import { app, Menu, type MenuItemConstructorOptions, shell } from 'electron';
import { type MenuCommand, menuCommandTable, type RecentEntry } from '../contract/index.js';
import { logFile } from './log.js';

export interface MenuActions {
  command(id: MenuCommand): void;
  openRecent(entry: RecentEntry): void;
  clearRecent(): void;
}

const separator: MenuItemConstructorOptions = { type: 'separator' };
const isMac = process.platform === 'darwin';

export function showMenu(actions: MenuActions, recent: RecentEntry[]): void {
  const item: Item = (id) => {
    const row = menuCommandTable.find((candidate) => candidate.id === id);
    return {
      id,
      label: row?.label ?? id,
      accelerator: row?.shortcut ? toAccelerator(row.shortcut) : undefined,
      // The page owns the keys: it knows whether a text field or a chart has the focus.
      registerAccelerator: false,
      click: () => actions.command(id),
    };
  };
  Menu.setApplicationMenu(
    Menu.buildFromTemplate([
      ...(isMac ? [{ role: 'appMenu' } as const] : []),
      { label: '&File', submenu: fileItems(item, recentItems(actions, recent)) },
      { label: '&Edit', submenu: editItems(item) },
      { label: '&View', submenu: viewItems(item) },
      { label: '&Model', submenu: modelItems(item) },
      { label: '&Run', submenu: runItems(item) },
      { role: 'windowMenu' },
      { role: 'help', submenu: helpItems(item) },
    ]),
  );
}

type Item = (id: MenuCommand) => MenuItemConstructorOptions;
type Items = MenuItemConstructorOptions[];

const fileItems = (item: Item, recent: Items): Items => [
  item('file.openModel'),
  item('file.openProject'),
  item('file.openDataset'),
  { label: 'Open Recent', submenu: recent },
  item('file.openSample'),
  separator,
  item('file.export'),
  separator,
  item('file.libraries'),
  separator,
  isMac ? { role: 'close' } : { role: 'quit' },
];

const editItems = (item: Item): Items => [
  item('edit.undo'),
  item('edit.redo'),
  separator,
  { role: 'cut' },
  { role: 'copy' },
  { role: 'paste' },
  separator,
  item('edit.selectAllLayers'),
];

const viewItems = (item: Item): Items => [
  item('view.distribution'),
  item('view.error'),
  item('view.training'),
  item('view.compare'),
  item('view.export'),
  separator,
  item('view.palette'),
  item('view.toggleTheme'),
  separator,
  { role: 'resetZoom' },
  { role: 'zoomIn' },
  { role: 'zoomOut' },
  { role: 'togglefullscreen' },
  ...(app.isPackaged ? [] : [separator, { role: 'toggleDevTools' } as const]),
];

const modelItems = (item: Item): Items => [item('model.transform'), item('model.allocate')];

const runItems = (item: Item): Items => [
  item('run.prepare'),
  item('run.quantize'),
  separator,
  item('run.train'),
  item('run.pauseOrResume'),
  item('run.cancel'),
];

const helpItems = (item: Item): Items => [
  item('help.shortcuts'),
  { label: 'Open Log Folder', click: () => shell.showItemInFolder(logFile()) },
  separator,
  item('help.about'),
];

function recentItems(actions: MenuActions, recent: RecentEntry[]): Items {
  if (recent.length === 0) return [{ label: 'Nothing Opened Yet', enabled: false }];
  return [
    ...recent.map((entry) => ({
      label: `${entry.name || basename(entry.path)}${entry.missing ? ' (missing)' : ''}`,
      sublabel: entry.path,
      enabled: !entry.missing,
      click: () => actions.openRecent(entry),
    })),
    separator,
    { label: 'Clear Recent', click: () => actions.clearRecent() },
  ];
}

/** tinykeys notation to Electron's: `$mod+Shift+E` → `CommandOrControl+Shift+E`. */
export function toAccelerator(shortcut: string): string {
  return shortcut.replace('$mod', 'CommandOrControl');
}
