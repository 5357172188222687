/** The open project as the main process last told it. */
import { create } from 'zustand';
import { request } from './client.js';
import type {
  Calibration,
  ConfiguredLayers,
  LayerInfo,
  LayerTraining,
  ProjectState,
  RecentEntry,
} from './contract.js';
import { notify } from './notices.js';
import { shareUnchanged } from './share-unchanged.js';

interface ProjectStoreState {
  project: ProjectState | null;
  /** The first answer has not come yet. */
  loading: boolean;
  /** What is being opened, for the overlay; null = nothing. */
  opening: string | null;
  /** Actions on layers in progress, so that their buttons wait. */
  busy: 'prepare' | 'quantize' | 'train' | 'reset' | null;
  recent: RecentEntry[];
}

export const useProject = create<ProjectStoreState>(() => ({
  project: null,
  loading: true,
  opening: null,
  busy: null,
  recent: [],
}));

type Listener = (project: ProjectState, previous: ProjectState | null) => void;
const replaceListeners = new Set<Listener>();

/** Told whenever another project (not a newer state of the same) takes its place. */
export function onProjectReplaced(listener: Listener): () => void {
  replaceListeners.add(listener);
  return () => replaceListeners.delete(listener);
}

/** Take a state of the main process. */
export function applyProject(told: ProjectState): void {
  const previous = useProject.getState().project;
  const project = shareUnchanged(previous, told);
  useProject.setState({ project, loading: false });
  if (previous?.id !== project.id) for (const listener of replaceListeners) listener(project, previous);
}

/** Take what the main process told of some layers of the open project. */
export function applyLayers({ configuration, states }: ConfiguredLayers): void {
  const { project } = useProject.getState();
  if (!project) return;
  const layers = project.model.layers.map((layer) => {
    const standing = states[layer.name];
    if (!standing) return layer;
    const { result: _result, outcome: _outcome, ...rest } = layer;
    return { ...rest, ...standing };
  });
  applyProject({
    ...project,
    model: { ...project.model, layers },
    configuration: { ...project.configuration, ...configuration },
  });
}

async function open(what: string, ask: () => Promise<ProjectState | null>): Promise<boolean> {
  if (useProject.getState().opening !== null) return false;
  useProject.setState({ opening: what });
  try {
    const project = await ask();
    if (project) applyProject(project);
    return project !== null;
  } catch (thrown) {
    notify(thrown, what);
    return false;
  } finally {
    useProject.setState({ opening: null });
    void refreshRecent();
  }
}

const shortName = (path: string | null) => path?.split(/[\\/]/).pop() ?? '';

export function openSample(): Promise<boolean> {
  return open('Opening the sample project', () => request('project.openSample', {}));
}

/** Path null: the main process asks with a dialog. */
export function openModel(path: string | null): Promise<boolean> {
  return open(`Opening ${shortName(path) || 'a model'}`, async () => {
    return (await request('project.openModel', { path })).project;
  });
}

export function openFolder(path: string | null): Promise<boolean> {
  return open(`Opening ${shortName(path) || 'a project'}`, async () => {
    return (await request('project.openFolder', { path })).project;
  });
}

export function openDataset(path: string | null): Promise<boolean> {
  return open(`Reading ${shortName(path) || 'a data set'}`, async () => {
    return (await request('project.openDataset', { path })).project;
  });
}

export async function refreshRecent(): Promise<void> {
  try {
    useProject.setState({ recent: (await request('project.recent', {})).entries });
  } catch (thrown) {
    notify(thrown, 'reading the list of recent files');
  }
}

export async function clearRecent(): Promise<void> {
  try {
    await request('project.clearRecent', {});
    useProject.setState({ recent: [] });
  } catch (thrown) {
    notify(thrown, 'clearing the list of recent files');
  }
}

/** Ask for the state of the open project, where what was told of it may have been missed. */
export async function refreshProject(): Promise<void> {
  try {
    const { project } = await request('project.current', {});
    if (project) applyProject(project);
  } catch (thrown) {
    notify(thrown, 'reading the project');
  }
}

async function onLayers(
  verb: 'prepare' | 'quantize' | 'train' | 'reset',
  context: string,
  layers: string[],
  ask: () => Promise<ProjectState>,
): Promise<boolean> {
  if (layers.length === 0 || useProject.getState().busy) return false;
  useProject.setState({ busy: verb });
  try {
    applyProject(await ask());
    return true;
  } catch (thrown) {
    notify(thrown, context);
    return false;
  } finally {
    useProject.setState({ busy: null });
  }
}

export function prepareLayers(layers: string[]): Promise<boolean> {
  return onLayers('prepare', 'preparing layers', layers, () => request('layer.prepare', { layers }));
}

/** `calibration`: for roundings that need the layers' inputs. */
export function quantizeLayers(layers: string[], calibration?: Calibration): Promise<boolean> {
  const input = calibration ? { layers, calibration } : { layers };
  return onLayers('quantize', 'quantizing layers', layers, () => request('layer.quantize', input));
}

export function trainLayers(
  layers: string[],
  calibration: Calibration,
  training: LayerTraining,
): Promise<boolean> {
  const input = { layers, calibration, training };
  return onLayers('train', 'training layers', layers, () => request('layer.train', input));
}

export function resetLayers(layers: string[]): Promise<boolean> {
  return onLayers('reset', 'resetting layers', layers, () => request('layer.reset', { layers }));
}

export function layerByName(project: ProjectState | null, name: string | null): LayerInfo | undefined {
  return project?.model.layers.find((layer) => layer.name === name);
}
