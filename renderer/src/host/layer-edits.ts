/** The edits a user makes to the selected layers' quantizers, each one undo step with its label. */
import type { LayerPatch } from './adjustments.js';
import { setLayerConfigs } from './configuration-store.js';
import { type Bits, type Preset, presetPatch } from './contract.js';
import { useProject } from './project-store.js';
import { selectLayers, useSelection } from './selection-store.js';

/** `fc1` or `3 layers`: how labels name what was edited. */
export function targetName(names: readonly string[]): string {
  return names.length === 1 ? (names[0] ?? '') : `${names.length} layers`;
}

const bitsText = (bits: Bits) => (bits === 32 ? 'float' : `${bits} ${bits === 1 ? 'bit' : 'bits'}`);

export function setBits(bits: { weight?: Bits; activation?: Bits }): void {
  const names = useSelection.getState().layers;
  const patch: LayerPatch = {};
  const words: string[] = [];
  if (bits.weight !== undefined) {
    patch.weight = { bits: bits.weight };
    words.push(bitsText(bits.weight));
  }
  if (bits.activation !== undefined) {
    patch.activation = { bits: bits.activation };
    words.push(`${bitsText(bits.activation)} activations`);
  }
  setLayerConfigs(names, patch, `Set ${targetName(names)} to ${words.join(', ')}`);
}

export function setPreset(preset: Preset): void {
  const names = useSelection.getState().layers;
  setLayerConfigs(names, presetPatch(preset), `Apply ${preset.label} to ${targetName(names)}`);
}

/** Change the selected layers, called `what` in the undo list. */
export function editSelection(patch: LayerPatch, what: string): void {
  const names = useSelection.getState().layers;
  setLayerConfigs(names, patch, `Set ${targetName(names)} to ${what}`);
}

/** Select the layer after (+1) or before (−1) the primary one. */
export function stepLayer(direction: 1 | -1): void {
  const layers = useProject.getState().project?.model.layers ?? [];
  if (layers.length === 0) return;
  const now = layers.findIndex((layer) => layer.name === useSelection.getState().primary);
  const next = Math.min(layers.length - 1, Math.max(0, now + direction));
  const name = layers[next]?.name;
  if (name) selectLayers([name]);
}
