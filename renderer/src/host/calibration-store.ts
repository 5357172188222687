/** The inputs that rounding and layer training look at, and the settings of the latter. */
import { create } from 'zustand';
import { request } from './client.js';
import {
  type Calibration,
  defaultCaptured,
  defaultDrawn,
  defaultLayerTraining,
  type LayerTraining,
} from './contract.js';
import { notify } from './notices.js';
import { onProjectReplaced } from './project-store.js';

interface CalibrationState {
  kind: Calibration['kind'];
  /** Of each kind, kept while another one is chosen. */
  captured: Extract<Calibration, { kind: 'captured' }>;
  drawn: Extract<Calibration, { kind: 'drawn' }>;
  /** Null until a file was chosen. */
  path: string | null;
  training: LayerTraining;
}

const initial: CalibrationState = {
  kind: 'drawn',
  captured: defaultCaptured,
  drawn: defaultDrawn,
  path: null,
  training: defaultLayerTraining,
};

export const useCalibration = create<CalibrationState>(() => initial);

export function setCalibration(change: Partial<Omit<CalibrationState, 'training'>>): void {
  useCalibration.setState(change);
}

export function setLayerTraining(change: Partial<LayerTraining>): void {
  useCalibration.setState(({ training }) => ({ training: { ...training, ...change } }));
}

/** A project begins with captured inputs where it can capture them; returns the way to stop. */
export function followCalibration(): () => void {
  return onProjectReplaced((project) => {
    useCalibration.setState({ ...initial, kind: project.dataset ? 'captured' : 'drawn' });
  });
}

/** Asks for the file of inputs; false when the user closed the dialog. */
export async function chooseInputs(): Promise<boolean> {
  try {
    const { path } = await request('layer.chooseInputs', {});
    if (path !== null) setCalibration({ kind: 'file', path });
    return path !== null;
  } catch (thrown) {
    notify(thrown, 'choosing the inputs');
    return false;
  }
}

/** The inputs as chosen; asks for the file when none was named, null when the user then closes the dialog. */
export async function chosenCalibration(): Promise<Calibration | null> {
  if (useCalibration.getState().kind === 'file' && useCalibration.getState().path === null) {
    if (!(await chooseInputs())) return null;
  }
  const { kind, captured, drawn, path } = useCalibration.getState();
  if (kind === 'captured') return captured;
  if (kind === 'drawn') return drawn;
  return path === null ? null : { kind, path };
}
