import { describe, expect, it } from 'vitest';
import { menuCommandTable } from '../../host/contract.js';
import type { JournalStep } from '../../host/index.js';
import { sampleProject, sampleRun, threeLayers } from '../../host/testing/sample-state.js';
import { type CommandContext, commandGroups } from './command.js';
import { commandById, commands } from './registry.js';
import { bindings } from './shortcuts.js';

function context(change: Partial<CommandContext> = {}): CommandContext {
  return {
    project: null,
    configuration: {},
    selected: [],
    busy: null,
    undoStep: null,
    redoStep: null,
    recentCount: 0,
    ...change,
  };
}

/** `$mod+Z` and `$mod+z` are the same key. */
const normal = (binding: string) => binding.toLowerCase();

describe('command registry', () => {
  it('has no two commands on one key', () => {
    const keys = bindings(commands).map(({ binding }) => normal(binding));
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
  });

  it('has no two commands with one id or one label', () => {
    for (const words of [commands.map(({ id }) => id), commands.map(({ label }) => label)]) {
      expect(new Set<string>(words).size).toBe(words.length);
    }
  });

  it('has every command of the native menu with the same label and key', () => {
    for (const row of menuCommandTable) {
      expect(commandById(row.id)).toMatchObject({ label: row.label, shortcut: row.shortcut });
    }
  });

  it('shows every command in the palette: each has a group that is drawn and a label', () => {
    for (const command of commands) {
      expect(commandGroups).toContain(command.group);
      expect(command.label.trim()).not.toBe('');
    }
  });

  it('says why a command cannot run, in every situation, without failing', () => {
    const project = sampleProject(threeLayers, { runs: [sampleRun()] });
    const situations = [
      context(),
      context({ project: sampleProject() }),
      context({ project, configuration: project.configuration, selected: ['fc1.weight'] }),
    ];
    for (const situation of situations) {
      for (const command of commands) {
        const reason = command.blocked?.(situation) ?? null;
        expect(reason === null || reason.length > 3, command.id).toBe(true);
        expect(command.labelNow?.(situation) ?? command.label).not.toBe('');
      }
    }
  });

  it('lets nothing but opening and showing run before a model is open', () => {
    const free = commands.filter((command) => (command.blocked?.(context()) ?? null) === null);
    expect(free.every(({ id }) => /^(file\.(open|libraries)|view\.|help\.)/.test(id))).toBe(true);
    expect(free.map(({ id }) => id)).not.toContain('view.training');
  });

  it('names the step that undo takes back', () => {
    const undoStep: JournalStep = { kind: 'edit', label: 'Set fc1 to 4 bits', patches: [], inverse: [] };
    const now = context({ undoStep });
    expect(commandById('edit.undo').labelNow?.(now)).toBe('Undo: Set fc1 to 4 bits');
    expect(commandById('edit.undo').blocked?.({ ...now, busy: 'train' })).toBeNull();
  });

  it('exchanges no results under a command that makes some', () => {
    const step = { kind: 'work', label: 'Quantize 3 layers', before: {}, after: {} } as const;
    const { blocked, labelNow } = commandById('edit.redo');
    expect(labelNow?.(context({ redoStep: step }))).toBe('Redo: Quantize 3 layers');
    expect(blocked?.(context({ redoStep: step }))).toBeNull();
    expect(blocked?.(context({ redoStep: step, busy: 'train' }))).toMatch(/Wait/);
  });

  it('pauses and cancels only while a training runs', () => {
    const project = sampleProject(threeLayers, { runs: [sampleRun()] });
    expect(commandById('run.cancel').blocked?.(context({ project }))).toBeNull();
    expect(commandById('run.cancel').blocked?.(context({ project: sampleProject() }))).toBe(
      'No training is running',
    );
  });
});
