/**
 * The layers' quantizers as the user edits them: shown at once, sent to the main process in order,
 * and taken back as immer patches. One user action is one step of the journal, whatever its size; what commands make
 * of layers are steps of the same journal.
 */
import { applyPatches, enablePatches, type Patch, produceWithPatches } from 'immer';
import { create } from 'zustand';
import { adjustments, forgetAdjustments, type LayerPatch, useAdjustments } from './adjustments.js';
import { request } from './client.js';
import {
  type Configuration,
  type ConfiguredLayers,
  type LayerConfig,
  legalActivation,
  legalWeight,
} from './contract.js';
import { notify } from './notices.js';
import { applyLayers, onProjectReplaced, useProject } from './project-store.js';
import { shareUnchanged } from './share-unchanged.js';

enablePatches();

export { legalWeight };

interface EditStep {
  kind: 'edit';
  label: string;
  patches: Patch[];
  inverse: Patch[];
}

/** Layer → the result it has; null: it is float. */
export type Results = Record<string, string | null>;

/** A command that gave layers other results. */
interface WorkStep {
  kind: 'work';
  label: string;
  before: Results;
  after: Results;
}

export type JournalStep = EditStep | WorkStep;

interface ConfigurationState {
  /** What the user sees: the project's configuration with the edits not yet answered. */
  configuration: Configuration;
  undoSteps: JournalStep[];
  redoSteps: JournalStep[];
  /** Edits the main process has not confirmed yet. */
  pending: boolean;
}

export const useConfiguration = create<ConfigurationState>(() => ({
  configuration: {},
  undoSteps: [],
  redoSteps: [],
  pending: false,
}));

function patched(config: LayerConfig, patch: LayerPatch): LayerConfig {
  return {
    weight: patch.weight ? legalWeight(config.weight, patch.weight) : config.weight,
    activation: patch.activation ? legalActivation(config.activation, patch.activation) : config.activation,
  };
}

const sameConfig = (a: LayerConfig | undefined, b: LayerConfig) => JSON.stringify(a) === JSON.stringify(b);

/** The layers named differently configured in `to` than in `from`. */
function difference(from: Configuration, to: Configuration): Configuration {
  const changes: Configuration = {};
  for (const [name, config] of Object.entries(to)) {
    if (from[name] !== config && !sameConfig(from[name], config)) changes[name] = config;
  }
  return changes;
}

/**
 * Change the named layers and tell the main process; what else had to change is told too. One undo step, called
 * `label`. Nothing happens when nothing would change.
 */
export function setLayerConfigs(
  names: readonly string[],
  patch: LayerPatch | ((name: string) => LayerPatch),
  label: string,
): void {
  const { configuration } = useConfiguration.getState();
  const patchOf = typeof patch === 'function' ? patch : () => patch;
  const told = new Set<string>();
  const [next, patches, inverse] = produceWithPatches(configuration, (draft) => {
    for (const name of names) {
      const before = configuration[name];
      if (!before) continue;
      const asked = patchOf(name);
      const after = patched(before, asked);
      if (sameConfig(before, after)) continue;
      draft[name] = after;
      for (const line of adjustments(before, after, asked)) told.add(line);
    }
  });
  if (patches.length === 0) return;
  useAdjustments.setState({ lines: [...told] });
  useConfiguration.setState({ configuration: next });
  addStep({ kind: 'edit', label, patches, inverse });
  sendEdit(difference(configuration, next));
}

/** What was undone before cannot be done again then. */
export function addStep(step: JournalStep): void {
  useConfiguration.setState(({ undoSteps }) => ({ undoSteps: [...undoSteps, step], redoSteps: [] }));
}

export function undo(): void {
  move('undoSteps', 'redoSteps');
}

export function redo(): void {
  move('redoSteps', 'undoSteps');
}

type Steps = 'undoSteps' | 'redoSteps';

function move(from: Steps, to: Steps): void {
  const now = useConfiguration.getState();
  const step = now[from].at(-1);
  if (!step || waitsForWork(step, useProject.getState().busy)) return;
  forgetAdjustments();
  const isUndo = from === 'undoSteps';
  const moved = { [from]: now[from].slice(0, -1), [to]: [...now[to], step] };
  if (step.kind === 'work') {
    useConfiguration.setState(moved);
    // Results may be kept no longer. What lies behind such a step cannot be reached, what was undone before it can.
    const refused = { undoSteps: now.undoSteps, redoSteps: now.redoSteps, [from]: [] };
    send({ kind: 'restore', results: isUndo ? step.before : step.after, refused });
    return;
  }
  const next = applyPatches(now.configuration, isUndo ? step.inverse : step.patches);
  useConfiguration.setState({ configuration: next, ...moved });
  sendEdit(difference(now.configuration, next));
}

/** The results of layers are not exchanged under a command that is making some. */
export function waitsForWork(step: JournalStep, busy: string | null): boolean {
  return step.kind === 'work' && busy !== null;
}

type Change =
  | { kind: 'configure'; changes: Configuration }
  | { kind: 'restore'; results: Results; refused: Pick<ConfigurationState, Steps> };

/** Changes waiting for their turn. */
let waiting: Change[] = [];
let sending = false;
let idle: Promise<void> = Promise.resolve();

/** Resolves when every edit so far is answered: Prepare, Quantize and Train wait for it. */
export function configurationSettled(): Promise<void> {
  return idle;
}

/** Edits that follow each other are merged, because only the last state of a layer matters. */
function sendEdit(changes: Configuration): void {
  if (Object.keys(changes).length === 0) return;
  const last = waiting.at(-1);
  if (last?.kind === 'configure') Object.assign(last.changes, changes);
  else send({ kind: 'configure', changes });
}

function send(change: Change): void {
  waiting.push(change);
  useConfiguration.setState({ pending: true });
  if (!sending) idle = drain();
}

function ask(change: Change): Promise<ConfiguredLayers> {
  return change.kind === 'configure'
    ? request('project.configure', { changes: change.changes })
    : request('layer.restore', { results: change.results });
}

async function drain(): Promise<void> {
  sending = true;
  const projectId = useProject.getState().project?.id;
  for (let change = waiting.shift(); change; change = waiting.shift()) {
    try {
      const layers = await ask(change);
      if (useProject.getState().project?.id === projectId) applyLayers(layers);
    } catch (thrown) {
      // What the main process refused is not shown as if it were so: back to its last word.
      waiting = [];
      const { project } = useProject.getState();
      const steps = change.kind === 'restore' ? change.refused : { undoSteps: [], redoSteps: [] };
      useConfiguration.setState({ configuration: project?.configuration ?? {}, ...steps });
      notify(thrown, change.kind === 'restore' ? 'restoring layers' : 'changing the configuration');
    }
  }
  sending = false;
  const told = useProject.getState().project?.configuration;
  const shown = useConfiguration.getState().configuration;
  useConfiguration.setState({ pending: false, configuration: told ? shareUnchanged(shown, told) : shown });
}

/** Follow the project's configuration unless edits are on their way; returns the way to stop. */
export function followConfiguration(): () => void {
  const stopReplaced = onProjectReplaced((project) => {
    waiting = [];
    forgetAdjustments();
    useConfiguration.setState({ configuration: project.configuration, undoSteps: [], redoSteps: [] });
  });
  const stopProject = useProject.subscribe((state, previous) => {
    if (!state.project || state.project.configuration === previous.project?.configuration) return;
    if (sending) return;
    useConfiguration.setState({ configuration: state.project.configuration });
  });
  return () => {
    stopReplaced();
    stopProject();
  };
}
