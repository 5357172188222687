/** Runs commands and says what they can do now. */
import {
  currentSituation,
  type JournalStep,
  notify,
  notifyInfo,
  useConfiguration,
  useProject,
  useSituation,
} from '../../host/index.js';
import type { Command, CommandContext } from './command.js';
import { commandById } from './registry.js';

const last = (steps: readonly JournalStep[]) => steps.at(-1) ?? null;

export function currentContext(): CommandContext {
  const { undoSteps, redoSteps } = useConfiguration.getState();
  return {
    ...currentSituation(),
    undoStep: last(undoSteps),
    redoStep: last(redoSteps),
    recentCount: useProject.getState().recent.length,
  };
}

export function useCommandContext(): CommandContext {
  const situation = useSituation();
  const undoStep = useConfiguration((state) => last(state.undoSteps));
  const redoStep = useConfiguration((state) => last(state.redoSteps));
  const recentCount = useProject((state) => state.recent.length);
  return { ...situation, undoStep, redoStep, recentCount };
}

/** Run it, or say why it cannot run. */
export async function runCommand(command: Command): Promise<void> {
  const blocked = command.blocked?.(currentContext()) ?? null;
  if (blocked) {
    notifyInfo(`${command.label}: not now`, blocked);
    return;
  }
  try {
    await command.run();
  } catch (thrown) {
    notify(thrown, command.label);
  }
}

export interface CommandNow {
  label: string;
  blocked: string | null;
  shortcut: string | undefined;
  run(): void;
}

/** A command as a button shows it. */
export function useCommand(id: Command['id']): CommandNow {
  const context = useCommandContext();
  const command = commandById(id);
  return {
    label: command.labelNow?.(context) ?? command.label,
    blocked: command.blocked?.(context) ?? null,
    shortcut: command.shortcut ?? undefined,
    run: () => void runCommand(command),
  };
}
