/** The context menu of the selected layers. */
import { bitWidths, presets } from '../../host/contract.js';
import {
  copyText,
  prepareBlocked,
  prepareSelection,
  quantizeBlocked,
  quantizeSelection,
  resetBlocked,
  resetSelection,
  type Situation,
  selectAllLayers,
  setBits,
  setPreset,
  trainLayersBlocked,
  trainSelection,
} from '../../host/index.js';
import { type MenuEntries, plural } from '../../ui/index.js';

const notNow = (reason: string | null) => ({ blocked: reason });

export function layerMenu(situation: Situation): MenuEntries[] {
  const { selected } = situation;
  return [
    {
      id: 'weight',
      label: 'Weight Bits',
      entries: bitWidths.map((bits) => ({
        id: `w${bits}`,
        label: bits === 32 ? 'Float' : plural(bits, 'bit'),
        shortcut: bits === 32 ? '0' : String(bits),
        onSelect: () => setBits({ weight: bits }),
      })),
    },
    {
      id: 'activation',
      label: 'Activation Bits',
      entries: bitWidths.map((bits) => ({
        id: `a${bits}`,
        label: bits === 32 ? 'Float' : plural(bits, 'bit'),
        onSelect: () => setBits({ activation: bits }),
      })),
    },
    {
      id: 'preset',
      label: 'Preset',
      entries: presets.map((preset) => ({
        id: preset.id,
        label: preset.label,
        onSelect: () => setPreset(preset),
      })),
    },
    'separator',
    {
      id: 'prepare',
      label: 'Prepare',
      ...notNow(prepareBlocked(situation)),
      onSelect: () => void prepareSelection(),
    },
    {
      id: 'quantize',
      label: 'Quantize',
      ...notNow(quantizeBlocked(situation)),
      onSelect: () => void quantizeSelection(),
    },
    {
      id: 'trainLayers',
      label: selected.length === 1 ? 'Train Layer' : 'Train Layers',
      ...notNow(trainLayersBlocked(situation)),
      onSelect: () => void trainSelection(),
    },
    {
      id: 'reset',
      label: 'Reset to Float',
      ...notNow(resetBlocked(situation)),
      onSelect: () => void resetSelection(),
    },
    'separator',
    { id: 'all', label: 'Select All', shortcut: '$mod+A', onSelect: selectAllLayers },
    {
      id: 'copy',
      label: selected.length === 1 ? 'Copy Name' : 'Copy Names',
      onSelect: () => void copyText(selected.join('\n')),
    },
  ];
}
