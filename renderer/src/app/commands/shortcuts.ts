/** Binds the commands' keys to the window. */
import { tinykeys } from 'tinykeys';
import { useDialogs } from '../dialogs-store.js';
import type { Command } from './command.js';
import { commands } from './registry.js';
import { runCommand } from './use-commands.js';

/** Marks the element whose focus brings a scope's keys to life: `data-shortcuts="layers"`. */
export const scopeAttribute = 'data-shortcuts';

function isTextTarget(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches('input, textarea, select');
}

const hasModifier = (binding: string) => /\$mod|Control|Alt|Meta|^F\d+$|^Shift\+F\d+$/.test(binding);

function mayRun(command: Command, binding: string, event: KeyboardEvent): boolean {
  if (event.defaultPrevented) return false;
  const { open } = useDialogs.getState();
  // A dialog in front takes the keys; Ctrl+K may still close and open the palette.
  if (open !== null && command.id !== 'view.palette') return false;
  const inText = isTextTarget(event.target);
  if (inText && (command.yieldsToText || !hasModifier(binding))) return false;
  if (!command.scope) return true;
  return (
    event.target instanceof Element && event.target.closest(`[${scopeAttribute}="${command.scope}"]`) !== null
  );
}

/** Every binding with its command, aliases included. */
export function bindings(list: readonly Command[]): { binding: string; command: Command }[] {
  return list.flatMap((command) =>
    [command.shortcut, command.alias]
      .filter((binding): binding is string => Boolean(binding))
      .map((binding) => ({ binding, command })),
  );
}

/** Listen to the keyboard; returns the way to stop. */
export function bindShortcuts(target: Window | HTMLElement = window): () => void {
  const map: Record<string, (event: KeyboardEvent) => void> = {};
  for (const { binding, command } of bindings(commands)) {
    map[binding] = (event) => {
      if (!mayRun(command, binding, event)) return;
      event.preventDefault();
      void runCommand(command);
    };
  }
  return tinykeys(target as Window, map);
}
