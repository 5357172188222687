/**
 * The commands that stand in the native menu: one id, label and shortcut for menu, palette and keys.
 * The window's registry (renderer/src/app) implements every one of them and may add its own.
 * Shortcuts are written as tinykeys reads them; `$mod` is Cmd on macOS and Ctrl elsewhere.
 */
import { z } from 'zod';

export const menuCommandTable = [
  { id: 'file.openModel', label: 'Open Model…', shortcut: '$mod+O' },
  { id: 'file.openProject', label: 'Open Project…', shortcut: '$mod+Shift+O' },
  { id: 'file.openSample', label: 'Open Sample Project', shortcut: null },
  { id: 'file.openDataset', label: 'Open Data Set…', shortcut: null },
  { id: 'file.export', label: 'Export Quantized Weights…', shortcut: '$mod+Shift+E' },
  { id: 'file.libraries', label: 'Quantizer Libraries…', shortcut: null },
  { id: 'edit.undo', label: 'Undo', shortcut: '$mod+Z' },
  { id: 'edit.redo', label: 'Redo', shortcut: '$mod+Shift+Z' },
  { id: 'edit.selectAllLayers', label: 'Select All Layers', shortcut: null },
  { id: 'view.distribution', label: 'Distribution', shortcut: '$mod+1' },
  { id: 'view.error', label: 'Error', shortcut: '$mod+2' },
  { id: 'view.training', label: 'Training', shortcut: '$mod+3' },
  { id: 'view.compare', label: 'Compare', shortcut: '$mod+4' },
  { id: 'view.export', label: 'Export', shortcut: '$mod+5' },
  { id: 'view.palette', label: 'Command Palette…', shortcut: '$mod+K' },
  { id: 'view.toggleTheme', label: 'Toggle Dark and Light', shortcut: null },
  { id: 'model.transform', label: 'Fold and Equalise…', shortcut: null },
  { id: 'model.allocate', label: 'Allocate Bits…', shortcut: null },
  { id: 'run.prepare', label: 'Prepare', shortcut: '$mod+Shift+P' },
  { id: 'run.quantize', label: 'Quantize', shortcut: '$mod+Shift+Q' },
  { id: 'run.train', label: 'Train', shortcut: 'F5' },
  { id: 'run.pauseOrResume', label: 'Pause or Resume Training', shortcut: 'F6' },
  { id: 'run.cancel', label: 'Cancel Training', shortcut: 'Shift+F5' },
  { id: 'help.shortcuts', label: 'Keyboard Shortcuts', shortcut: null },
  { id: 'help.about', label: 'About QAT Workbench', shortcut: null },
] as const satisfies readonly { id: string; label: string; shortcut: string | null }[];

export type MenuCommand = (typeof menuCommandTable)[number]['id'];
export const menuCommandSchema = z.enum(
  menuCommandTable.map((row) => row.id) as [MenuCommand, ...MenuCommand[]],
);
