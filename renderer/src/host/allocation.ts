/** What bits are allocated with, kept while the project is open; and taking a proposal over. */
import { create } from 'zustand';
import { useCalibration } from './calibration-store.js';
import { setLayerConfigs } from './configuration-store.js';
import type { Allocation, AllocationInput, Calibration, ProjectState } from './contract.js';
import { onProjectReplaced, useProject } from './project-store.js';

/** On what errors are measured. */
export type Measure = 'captured' | 'drawn' | 'weights';

interface AllocationSettings {
  budget: AllocationInput['budget']['kind'];
  bits: number;
  bytes: number;
  choices: AllocationInput['choices'];
  fixed: readonly string[];
  measure: Measure;
  relative: boolean;
}

const initial: AllocationSettings = {
  budget: 'bits',
  bits: 4,
  bytes: 100_000,
  choices: [2, 3, 4, 8],
  fixed: [],
  measure: 'drawn',
  relative: true,
};

export const useAllocation = create<AllocationSettings>(() => initial);

export function setAllocation(change: Partial<AllocationSettings>): void {
  useAllocation.setState(change);
}

/**
 * A project begins with inputs captured where they can be, and with its float layers kept unless all are float;
 * returns the way to stop.
 */
export function followAllocation(): () => void {
  return onProjectReplaced((project) => {
    const weights = project.model.layers.reduce((sum, { rows, cols }) => sum + rows * cols, 0);
    const bytes = Math.max(1, Math.round(weights / 2));
    const measure = project.dataset ? 'captured' : 'drawn';
    useAllocation.setState({ ...initial, fixed: floatLayers(project), measure, bytes });
  });
}

function floatLayers({ configuration }: ProjectState): string[] {
  const layers = Object.entries(configuration);
  const float = layers.flatMap(([name, { weight }]) => (weight.bits === 32 ? [name] : []));
  return float.length === layers.length ? [] : float;
}

/** The question as set; `inputs` as they are under the quantizer's calibration inputs. */
export function useAllocationInput(): AllocationInput {
  const { budget, bits, bytes, choices, fixed, measure, relative } = useAllocation();
  const { captured, drawn } = useCalibration();
  const inputs: Calibration | null = measure === 'weights' ? null : measure === 'captured' ? captured : drawn;
  return {
    budget: budget === 'bits' ? { kind: 'bits', bits } : { kind: 'bytes', bytes },
    choices,
    fixed: [...fixed],
    inputs,
    relative,
  };
}

/** Layers whose bits the proposal changes. */
export function changedBits({ layers }: Allocation): number {
  return layers.filter(({ now, proposed }) => now.bits !== proposed.bits).length;
}

/** Gives the layers the proposed bits, all else as it is: one step to undo. */
export function applyAllocation({ layers, proposed }: Allocation): void {
  const bits = new Map(layers.map((row) => [row.layer, row.proposed.bits]));
  const names = (useProject.getState().project?.model.layers ?? []).map(({ name }) => name);
  const patchOf = (name: string) => {
    const given = bits.get(name);
    return given === undefined ? {} : { weight: { bits: given } };
  };
  setLayerConfigs(names, patchOf, `Allocate ${proposed.bits.toFixed(2)} bits a weight`);
}
