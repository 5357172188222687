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

export function showMenu(actions: MenuActions, recent: RecentEntry[]): void {
  const item = (id: MenuCommand): MenuItemConstructorOptions => {
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
  const separator: MenuItemConstructorOptions = { type: 'separator' };
  const template: MenuItemConstructorOptions[] = [
    ...(process.platform === 'darwin' ? [{ role: 'appMenu' } as const] : []),
    {
      label: '&File',
      submenu: [
        item('file.openModel'),
        item('file.openProject'),
        item('file.openDataset'),
        { label: 'Open Recent', submenu: recentItems(actions, recent) },
        item('file.openSample'),
        separator,
        item('file.export'),
        separator,
        process.platform === 'darwin' ? { role: 'close' } : { role: 'quit' },
      ],
    },
    {
      label: '&Edit',
      submenu: [
        item('edit.undo'),
        item('edit.redo'),
        separator,
        { role: 'cut' },
        { role: 'copy' },
        { role: 'paste' },
        separator,
        item('edit.selectAllLayers'),
      ],
    },
    {
      label: '&View',
      submenu: [
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
      ],
    },
    {
      label: '&Run',
      submenu: [
        item('run.prepare'),
        item('run.quantize'),
        separator,
        item('run.train'),
        item('run.pauseOrResume'),
        item('run.cancel'),
      ],
    },
    { role: 'windowMenu' },
    {
      role: 'help',
      submenu: [
        item('help.shortcuts'),
        { label: 'Open Log Folder', click: () => shell.showItemInFolder(logFile()) },
        separator,
        item('help.about'),
      ],
    },
  ];
  Menu.setApplicationMenu(Menu.buildFromTemplate(template));
}

function recentItems(actions: MenuActions, recent: RecentEntry[]): MenuItemConstructorOptions[] {
  if (recent.length === 0) return [{ label: 'Nothing Opened Yet', enabled: false }];
  return [
    ...recent.map((entry) => ({
      label: `${entry.name || basename(entry.path)}${entry.missing ? ' (missing)' : ''}`,
      sublabel: entry.path,
      enabled: !entry.missing,
      click: () => actions.openRecent(entry),
    })),
    { type: 'separator' as const },
    { label: 'Clear Recent', click: () => actions.clearRecent() },
  ];
}

/** tinykeys notation to Electron's: `$mod+Shift+E` → `CommandOrControl+Shift+E`. */
export function toAccelerator(shortcut: string): string {
  return shortcut.replace('$mod', 'CommandOrControl');
}
