/** What a command is: the one description that menus, shortcuts, the palette and buttons share. */
import type { MenuCommand } from '../../host/contract.js';
import type { JournalStep, Situation } from '../../host/index.js';

export const commandGroups = ['Run', 'Model', 'File', 'View', 'Layers', 'Edit', 'Help'] as const;
export type CommandGroup = (typeof commandGroups)[number];

/** Commands that the native menu does not have. */
export type WindowCommand =
  | 'file.clearRecent'
  | 'layers.next'
  | 'layers.previous'
  | 'layers.filter'
  | 'layers.reset'
  | 'layers.train'
  | `layers.bits${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 32}`
  | `layers.preset.${string}`
  | 'view.themeDark'
  | 'view.themeLight'
  | 'view.themeSystem'
  | 'view.errorLog'
  | 'view.nextPanel'
  | 'view.resetLayout';

export type CommandId = MenuCommand | WindowCommand;

/** What decides whether a command can run. */
export interface CommandContext extends Situation {
  /** The steps that undo and redo would take; null = none. */
  undoStep: JournalStep | null;
  redoStep: JournalStep | null;
  recentCount: number;
}

export interface Command {
  id: CommandId;
  label: string;
  group: CommandGroup;
  /** tinykeys notation; null = none. */
  shortcut: string | null;
  /** A second key for the same, as some platforms expect. */
  alias?: string;
  /** Works only while the layer list has the focus (single keys). */
  scope?: 'layers';
  /** While text is being edited the key belongs to the text. */
  yieldsToText?: boolean;
  /** More words to find it by. */
  keywords?: string;
  /** Why it cannot run now; null = it can. */
  blocked?(context: CommandContext): string | null;
  /** A label that says more now (`Undo: Set fc1 to 4 bits`). */
  labelNow?(context: CommandContext): string;
  run(): unknown;
}
