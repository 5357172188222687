/** The settings of the next training. */
import { create } from 'zustand';
import { defaultTrainingConfig, type TrainingConfig } from './contract.js';
import { onProjectReplaced } from './project-store.js';

interface TrainingState {
  /** Empty: the main process names the run after its bits. */
  name: string;
  training: TrainingConfig;
}

export const useTraining = create<TrainingState>(() => ({ name: '', training: defaultTrainingConfig }));

export function setTraining(change: Partial<TrainingConfig>): void {
  useTraining.setState(({ training }) => ({ training: { ...training, ...change } }));
}

/** A project starts with the settings of its last run; returns the way to stop. */
export function followTraining(): () => void {
  return onProjectReplaced((project) => {
    const last = project.runs[project.runs.length - 1];
    useTraining.setState({ name: '', training: last?.training ?? defaultTrainingConfig });
  });
}
