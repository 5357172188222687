/** What the user can do with the selection and the model now, and why not when they cannot. */
import { chosenCalibration, useCalibration } from './calibration-store.js';
import { configurationSettled, useConfiguration } from './configuration-store.js';
import {
  type Configuration,
  type ProjectState,
  type RunSummary,
  roundingOf,
  roundingTable,
} from './contract.js';
import {
  layerByName,
  prepareLayers,
  quantizeLayers,
  resetLayers,
  trainLayers,
  useProject,
} from './project-store.js';
import { activeRun, cancelRun, pauseRun, resumeRun, startRun } from './runs-store.js';
import { pickNewRun, useSelection } from './selection-store.js';
import { useTraining } from './training-store.js';
import { asStep } from './work-steps.js';

/** What decides whether an action is possible; plain data, so that the rules can be tested. */
export interface Situation {
  project: ProjectState | null;
  configuration: Configuration;
  /** The selected layers. */
  selected: readonly string[];
  busy: 'prepare' | 'quantize' | 'train' | 'reset' | null;
}

export function currentSituation(): Situation {
  return {
    project: useProject.getState().project,
    configuration: useConfiguration.getState().configuration,
    selected: useSelection.getState().layers,
    busy: useProject.getState().busy,
  };
}

/** The same, as a hook: renders again when any of it changes. */
export function useSituation(): Situation {
  const project = useProject((state) => state.project);
  const busy = useProject((state) => state.busy);
  const configuration = useConfiguration((state) => state.configuration);
  const selected = useSelection((state) => state.layers);
  return { project, configuration, selected, busy };
}

const noProject = 'Open a model first';

function needsLayers({ project, selected, busy }: Situation): string | null {
  if (!project) return noProject;
  if (selected.length === 0) return 'Select a layer first';
  if (busy) return 'Wait for the step before';
  if (activeRun(project.runs)) return 'A training uses the layers; cancel it or wait';
  return null;
}

/** The selected layers whose weights are quantized, not float. */
export function quantizedTargets({ configuration, selected }: Situation): string[] {
  return selected.filter((name) => configuration[name]?.weight.bits !== 32);
}

export function prepareBlocked(situation: Situation): string | null {
  const blocked = needsLayers(situation);
  if (blocked) return blocked;
  if (quantizedTargets(situation).length === 0) return 'The selection is float: choose 1–8 weight bits first';
  return null;
}

/** Quantizing prepares the layers that are not prepared yet. */
export const quantizeBlocked = prepareBlocked;

/** Training each layer by itself, which needs no network. */
export const trainLayersBlocked = prepareBlocked;

/** Whether a selected layer's rounding looks at its inputs. */
export function needsInputs(situation: Situation): boolean {
  return quantizedTargets(situation).some((name) => {
    const weight = situation.configuration[name]?.weight;
    return weight !== undefined && roundingTable[roundingOf(weight)].needsInputs;
  });
}

export function resetBlocked(situation: Situation): string | null {
  const blocked = needsLayers(situation);
  if (blocked) return blocked;
  const touched = situation.selected.some((name) => layerByName(situation.project, name)?.state !== 'float');
  return touched ? null : 'The selection is already as loaded';
}

export function trainBlocked({ project, busy }: Situation): string | null {
  if (!project) return noProject;
  const active = activeRun(project.runs);
  if (active) return `${active.name} is ${active.state === 'paused' ? 'paused' : 'training'} now`;
  if (project.trainingReason) return project.trainingReason;
  if (!project.dataset) return 'Open a data set first (File > Open Data Set)';
  if (busy) return 'Wait for the step before';
  return null;
}

export function exportBlocked(situation: Situation, runId: string | null): string | null {
  const { project } = situation;
  if (!project) return noProject;
  if (runId !== null) {
    const run = project.runs.find((candidate) => candidate.id === runId);
    if (!run) return 'This run is gone';
    return run.state === 'finished' ? null : 'Only a finished run can be exported';
  }
  const { layers } = project.model;
  const missing = layers.filter(
    (layer) => situation.configuration[layer.name]?.weight.bits !== 32 && layer.state !== 'quantized',
  );
  if (missing.length > 0) {
    return missing.length === 1
      ? `Quantize ${missing[0]?.name} first`
      : `Quantize the ${missing.length} layers that are not quantized yet`;
  }
  if (layers.every((layer) => situation.configuration[layer.name]?.weight.bits === 32)) {
    return 'Every layer is float: choose 1–8 weight bits for at least one';
  }
  return null;
}

export function runningRun({ project }: Situation): RunSummary | undefined {
  return project ? activeRun(project.runs) : undefined;
}

export async function prepareSelection(): Promise<boolean> {
  await configurationSettled();
  const situation = currentSituation();
  const targets = quantizedTargets(situation);
  return prepareBlocked(situation) === null && asStep('Prepare', targets, () => prepareLayers(targets));
}

export async function quantizeSelection(): Promise<boolean> {
  await configurationSettled();
  const situation = currentSituation();
  if (quantizeBlocked(situation) !== null) return false;
  const targets = quantizedTargets(situation);
  const calibration = needsInputs(situation) ? await chosenCalibration(targets) : undefined;
  return calibration !== null && asStep('Quantize', targets, () => quantizeLayers(targets, calibration));
}

/** Train each selected layer by itself against its float output; it is quantized then. */
export async function trainSelection(): Promise<boolean> {
  await configurationSettled();
  const situation = currentSituation();
  if (trainLayersBlocked(situation) !== null) return false;
  const targets = quantizedTargets(situation);
  const calibration = await chosenCalibration(targets);
  if (calibration === null) return false;
  const { training } = useCalibration.getState();
  return asStep('Train', targets, () => trainLayers(targets, calibration, training));
}

export async function resetSelection(): Promise<boolean> {
  await configurationSettled();
  const situation = currentSituation();
  const targets = [...situation.selected];
  return resetBlocked(situation) === null && asStep('Reset', targets, () => resetLayers(targets));
}

/** Train the whole network with the layers' quantizers; the Training view follows the new run. */
export async function trainModel(): Promise<boolean> {
  await configurationSettled();
  if (trainBlocked(currentSituation()) !== null) return false;
  const { name, training } = useTraining.getState();
  const run = await startRun(name.trim() || null, training);
  if (!run) return false;
  useTraining.setState({ name: '' });
  pickNewRun(run.id);
  useSelection.setState({ tab: 'training' });
  return true;
}

export async function pauseOrResume(): Promise<void> {
  const run = runningRun(currentSituation());
  if (run?.state === 'running') await pauseRun(run.id);
  else if (run) await resumeRun(run.id);
}

export async function cancelTraining(): Promise<void> {
  const run = runningRun(currentSituation());
  if (run) await cancelRun(run.id);
}

/** `AVX-512`, from the kernel level's short name. */
export function isaName(isa: string): string {
  const names: Record<string, string> = { ref: 'reference', avx2: 'AVX2', avx512: 'AVX-512', neon: 'NEON' };
  return names[isa] ?? isa;
}
