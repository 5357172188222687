/** The settings of the next training. */
import { create } from 'zustand';
import { defaultTrainingConfig, type Optimizer, optimizerTable, type TrainingConfig } from './contract.js';
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

/** A rate of the user's own stays; one that came with the optimizer before goes with it. */
export function setOptimizer(optimizer: Optimizer): void {
  const { training } = useTraining.getState();
  const suggested = training.learningRate === optimizerTable[training.optimizer].learningRate;
  setTraining({ optimizer, ...(suggested && { learningRate: optimizerTable[optimizer].learningRate }) });
}

/** β₂ as it will be used; null where the optimizer has none. */
export function usedBeta2({ optimizer, beta2 }: TrainingConfig): number | null {
  const own = optimizerTable[optimizer].beta2;
  return own === null ? null : (beta2 ?? own);
}

/** A project starts with the settings of its last run; returns the way to stop. */
export function followTraining(): () => void {
  return onProjectReplaced((project) => {
    const last = project.runs[project.runs.length - 1];
    useTraining.setState({ name: '', training: last?.training ?? defaultTrainingConfig });
  });
}
