/** The inputs that rounding and layer training look at, and the settings of the latter. */
import { create } from 'zustand';
import { request } from './client.js';
import {
  type Calibration,
  defaultCaptured,
  defaultDrawn,
  defaultLayerTraining,
  type InputsFile,
  type LayerTraining,
  type Optimizer,
  optimizerTable,
  type ProjectState,
} from './contract.js';
import { notify } from './notices.js';
import { layerByName, onProjectReplaced, useProject } from './project-store.js';
import { useSelection } from './selection-store.js';

interface CalibrationState {
  /** As the user chose; null: captured where that is possible, else drawn. */
  kind: Calibration['kind'] | null;
  /** Of each kind, kept while another one is chosen. */
  captured: Extract<Calibration, { kind: 'captured' }>;
  drawn: Extract<Calibration, { kind: 'drawn' }>;
  /** Null until a file was chosen. */
  file: InputsFile | null;
  training: LayerTraining;
}

const initial: CalibrationState = {
  kind: null,
  captured: defaultCaptured,
  drawn: defaultDrawn,
  file: null,
  training: defaultLayerTraining,
};

export const useCalibration = create<CalibrationState>(() => initial);

export function setCalibration(change: Partial<Omit<CalibrationState, 'training'>>): void {
  useCalibration.setState(change);
}

export function setLayerTraining(change: Partial<LayerTraining>): void {
  useCalibration.setState(({ training }) => ({ training: { ...training, ...change } }));
}

/** A rate of the user's own stays; one that came with the optimizer before goes with it. */
export function setLayerOptimizer(optimizer: Optimizer): void {
  const { training } = useCalibration.getState();
  const suggested = training.learningRate === optimizerTable[training.optimizer].layerRate;
  setLayerTraining({ optimizer, ...(suggested && { learningRate: optimizerTable[optimizer].layerRate }) });
}

/** Every project begins with the inputs that it can have; returns the way to stop. */
export function followCalibration(): () => void {
  return onProjectReplaced(() => useCalibration.setState(initial));
}

/** Why inputs of these layers cannot be captured: the reason, and what would help; null when they can. */
export interface CaptureBlock {
  reason: string;
  remedy: string;
}

const otherInputs = 'Choose a file of inputs, or draw them.';

export function captureBlock(project: ProjectState | null, layers: readonly string[]): CaptureBlock | null {
  if (!project) return { reason: 'No model is open.', remedy: otherInputs };
  if (!project.model.layers.some(({ trainable }) => trainable)) {
    return { reason: 'The file does not describe its network.', remedy: otherInputs };
  }
  const outside = layers.filter((name) => layerByName(project, name)?.trainable === false);
  if (outside.length > 0) {
    const who = outside.length === 1 ? `${outside[0]} is` : `${outside.length} of the layers are`;
    return { reason: `${who} no part of the network.`, remedy: otherInputs };
  }
  if (project.dataset) return null;
  const reason = project.trainingReason ?? 'No data set is open.';
  return { reason, remedy: 'File › Open Data Set makes it possible.' };
}

/** The kind in use: what cannot be captured is drawn. */
export function inputsKind(
  chosen: CalibrationState['kind'],
  block: CaptureBlock | null,
): Calibration['kind'] {
  if (chosen === null || chosen === 'captured') return block ? 'drawn' : 'captured';
  return chosen;
}

/** The same for the selection, as a hook. */
export function useInputsKind(): { kind: Calibration['kind']; block: CaptureBlock | null } {
  const chosen = useCalibration((state) => state.kind);
  const project = useProject((state) => state.project);
  const layers = useSelection((state) => state.layers);
  const block = captureBlock(project, layers);
  return { kind: inputsKind(chosen, block), block };
}

/** Asks for a file of these layers' inputs; false when the user closed the dialog, or the file was refused. */
export async function chooseInputs(layers: readonly string[]): Promise<boolean> {
  try {
    const { file } = await request('layer.chooseInputs', { layers: [...layers] });
    if (file !== null) setCalibration({ kind: 'file', file });
    return file !== null;
  } catch (thrown) {
    notify(thrown, 'choosing the inputs');
    return false;
  }
}

/** The inputs for these layers; asks for the file when none was named, null when there is none then. */
export async function chosenCalibration(layers: readonly string[]): Promise<Calibration | null> {
  const block = captureBlock(useProject.getState().project, layers);
  const kind = inputsKind(useCalibration.getState().kind, block);
  if (kind === 'file' && !useCalibration.getState().file && !(await chooseInputs(layers))) return null;
  const { captured, drawn, file } = useCalibration.getState();
  if (kind === 'captured') return captured;
  if (kind === 'drawn') return drawn;
  return file && { kind, path: file.path };
}
