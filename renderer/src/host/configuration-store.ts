/**
 * The layers' quantizers as the user edits them: shown at once, sent to the main process in order,
 * and taken back as immer patches. One user action is one step of the journal, whatever its size.
 */
import { applyPatches, enablePatches, type Patch, produceWithPatches } from 'immer';
import { create } from 'zustand';
import { adjustments, forgetAdjustments, type LayerPatch, useAdjustments } from './adjustments.js';
import { request } from './client.js';
import { type Configuration, type LayerConfig, legalActivation, legalWeight } from './contract.js';
import { notify } from './notices.js';
import { applyLayers, onProjectReplaced, useProject } from './project-store.js';
import { shareUnchanged } from './share-unchanged.js';

enablePatches();

export { legalWeight };

export interface JournalStep {
  label: string;
  patches: Patch[];
  inverse: Patch[];
}

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
export function setLayerConfigs(names: readonly string[], patch: LayerPatch, label: string): void {
  const { configuration, undoSteps } = useConfiguration.getState();
  const told = new Set<string>();
  const [next, patches, inverse] = produceWithPatches(configuration, (draft) => {
    for (const name of names) {
      const before = configuration[name];
      if (!before) continue;
      const after = patched(before, patch);
      if (sameConfig(before, after)) continue;
      draft[name] = after;
      for (const line of adjustments(before, after, patch)) told.add(line);
    }
  });
  if (patches.length === 0) return;
  useAdjustments.setState({ lines: [...told] });
  const step: JournalStep = { label, patches, inverse };
  useConfiguration.setState({
    configuration: next,
    undoSteps: [...undoSteps, step],
    redoSteps: [],
  });
  send(difference(configuration, next));
}

export function undo(): void {
  forgetAdjustments();
  const { configuration, undoSteps, redoSteps } = useConfiguration.getState();
  const step = undoSteps[undoSteps.length - 1];
  if (!step) return;
  const next = applyPatches(configuration, step.inverse);
  useConfiguration.setState({
    configuration: next,
    undoSteps: undoSteps.slice(0, -1),
    redoSteps: [...redoSteps, step],
  });
  send(difference(configuration, next));
}

export function redo(): void {
  forgetAdjustments();
  const { configuration, undoSteps, redoSteps } = useConfiguration.getState();
  const step = redoSteps[redoSteps.length - 1];
  if (!step) return;
  const next = applyPatches(configuration, step.patches);
  useConfiguration.setState({
    configuration: next,
    undoSteps: [...undoSteps, step],
    redoSteps: redoSteps.slice(0, -1),
  });
  send(difference(configuration, next));
}

/** Edits waiting for their turn; merged, because only the last state of a layer matters. */
let waiting: Configuration | null = null;
let sending = false;
let idle: Promise<void> = Promise.resolve();

/** Resolves when every edit so far is answered: Prepare, Quantize and Train wait for it. */
export function configurationSettled(): Promise<void> {
  return idle;
}

function send(changes: Configuration): void {
  if (Object.keys(changes).length === 0) return;
  waiting = { ...waiting, ...changes };
  useConfiguration.setState({ pending: true });
  if (!sending) idle = drain();
}

async function drain(): Promise<void> {
  sending = true;
  const projectId = useProject.getState().project?.id;
  try {
    while (waiting) {
      const changes: Configuration = waiting;
      waiting = null;
      const layers = await request('project.configure', { changes });
      if (useProject.getState().project?.id === projectId) applyLayers(layers);
    }
  } catch (thrown) {
    // What the main process refused is not shown as if it were so: back to its last word.
    waiting = null;
    const { project } = useProject.getState();
    useConfiguration.setState({
      configuration: project?.configuration ?? {},
      undoSteps: [],
      redoSteps: [],
    });
    notify(thrown, 'changing the configuration');
  } finally {
    sending = false;
    const told = useProject.getState().project?.configuration;
    const shown = useConfiguration.getState().configuration;
    useConfiguration.setState({ pending: false, configuration: told ? shareUnchanged(shown, told) : shown });
  }
}

/** Follow the project's configuration unless edits are on their way; returns the way to stop. */
export function followConfiguration(): () => void {
  const stopReplaced = onProjectReplaced((project) => {
    waiting = null;
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
