/** What is selected, in one place for the list, the charts and the panels. Saved with the project. */
import { create } from 'zustand';
import { request } from './client.js';
import type { ProjectState, ViewName, ViewState } from './contract.js';
import { notify } from './notices.js';
import { onProjectReplaced, useProject } from './project-store.js';

interface SelectionState {
  /** Selected layer names in the model's order. */
  layers: string[];
  /** The layer the charts show: the one picked last. */
  primary: string | null;
  /** Where a Shift selection starts. */
  anchor: string | null;
  tab: ViewName;
  /** Runs picked for the training and compare views, oldest pick first, at most eight. */
  runs: string[];
}

export const useSelection = create<SelectionState>(() => ({
  layers: [],
  primary: null,
  anchor: null,
  tab: 'distribution',
  runs: [],
}));

/** More curves than this cannot be told apart. */
const maxRuns = 8;
/** A new run is added to the picked ones up to this many; then it takes the place of the oldest. */
const keptBesideNew = 4;
const saveDelayMs = 300;

function inModelOrder(names: Iterable<string>): string[] {
  const wanted = new Set(names);
  const layers = useProject.getState().project?.model.layers ?? [];
  return layers.filter((layer) => wanted.has(layer.name)).map((layer) => layer.name);
}

/** Select exactly these layers; `primary` defaults to the first of them. */
export function selectLayers(names: readonly string[], primary?: string, anchor?: string): void {
  const layers = inModelOrder(names);
  const first = primary ?? layers[0] ?? null;
  useSelection.setState({ layers, primary: first, anchor: anchor ?? first });
}

export function selectAllLayers(): void {
  const all = useProject.getState().project?.model.layers.map((layer) => layer.name) ?? [];
  const { primary } = useSelection.getState();
  selectLayers(all, primary ?? undefined);
}

export function showTab(tab: ViewName): void {
  useSelection.setState({ tab });
}

export function selectRuns(runIds: readonly string[]): void {
  useSelection.setState({ runs: [...new Set(runIds)].slice(-maxRuns) });
}

/** Pick a run that was just started: the picture does not fill up by itself. */
export function pickNewRun(runId: string): void {
  const others = useSelection.getState().runs.filter((id) => id !== runId);
  selectRuns([...(others.length < keptBesideNew ? others : others.slice(1)), runId]);
}

export function toggleRun(runId: string): void {
  const { runs } = useSelection.getState();
  selectRuns(runs.includes(runId) ? runs.filter((id) => id !== runId) : [...runs, runId]);
}

function restore(project: ProjectState): void {
  const { view } = project;
  const known = new Set(project.model.layers.map((layer) => layer.name));
  const kept = view.selection.filter((name) => known.has(name));
  const first = project.model.layers[0]?.name;
  const layers = kept.length > 0 ? kept : first ? [first] : [];
  const runIds = new Set(project.runs.map((run) => run.id));
  useSelection.setState({
    layers,
    primary: layers[0] ?? null,
    anchor: layers[0] ?? null,
    tab: view.tab,
    runs: view.runSelection.filter((id) => runIds.has(id)).slice(-maxRuns),
  });
}

const viewOf = (state: SelectionState): ViewState => ({
  tab: state.tab,
  // The primary layer first: it is what reopening shows.
  selection: state.primary
    ? [state.primary, ...state.layers.filter((name) => name !== state.primary)]
    : state.layers,
  runSelection: state.runs,
});

/** Restore the selection when a project opens and save it as it changes; returns the way to stop. */
export function followSelection(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let saved = '';
  const save = () => {
    timer = undefined;
    const view = viewOf(useSelection.getState());
    const text = JSON.stringify(view);
    if (text === saved || !useProject.getState().project) return;
    saved = text;
    request('project.saveView', view).catch((thrown: unknown) => notify(thrown, 'saving the view'));
  };
  const stopSelection = useSelection.subscribe(() => {
    if (timer !== undefined) clearTimeout(timer);
    timer = setTimeout(save, saveDelayMs);
  });
  const stopProject = onProjectReplaced((project) => {
    restore(project);
    saved = JSON.stringify(viewOf(useSelection.getState()));
  });
  return () => {
    if (timer !== undefined) clearTimeout(timer);
    stopSelection();
    stopProject();
  };
}
