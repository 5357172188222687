/** What an edit changed besides what was asked for, so that the quantizer stays one that exists; in the user's words. */
import { create } from 'zustand';
import {
  type ActivationQuantizer,
  granularityTable,
  gridTable,
  type LayerConfig,
  methodTable,
  rangeTable,
  roundingOf,
  roundingTable,
  type WeightQuantizer,
} from './contract.js';

export interface LayerPatch {
  weight?: Partial<WeightQuantizer>;
  activation?: Partial<ActivationQuantizer>;
}

/** Of the last edit, each a sentence; empty where it adjusted nothing, and after undo. */
export const useAdjustments = create<{ lines: readonly string[] }>(() => ({ lines: [] }));

export function forgetAdjustments(): void {
  if (useAdjustments.getState().lines.length > 0) useAdjustments.setState({ lines: [] });
}

interface Setting<Quantizer> {
  key: keyof Quantizer;
  /** As the panel calls it. */
  name: string;
  of(quantizer: Quantizer): string;
  /** A value of it in a sentence, where that needs more words. */
  inWords?(value: string): string;
}

const bitsText = (bits: number) => (bits === 32 ? 'float' : `${bits} ${bits === 1 ? 'bit' : 'bits'}`);
const gridText = (grid: string) => `the ${grid} grid`;

/** What a patch asks for is the first of these that it has: choosing a library may bring bits along. */
const weightSettings: readonly Setting<WeightQuantizer>[] = [
  {
    key: 'method',
    name: 'Method',
    of: ({ method, library }) => library?.slice('user:'.length) ?? methodTable[method].label,
  },
  { key: 'rounding', name: 'Rounding', of: (weight) => roundingTable[roundingOf(weight)].label },
  { key: 'grid', name: 'Grid', of: ({ grid }) => gridTable[grid].label, inWords: gridText },
  {
    key: 'granularity',
    name: 'Granularity',
    of: ({ granularity }) => granularityTable[granularity].label,
    inWords: (granularity) => `one scale per ${granularity}`,
  },
  { key: 'range', name: 'Start range', of: ({ range }) => rangeTable[range].label },
  { key: 'bits', name: 'Weight bits', of: ({ bits }) => bitsText(bits) },
];

const activationSettings: readonly Setting<ActivationQuantizer>[] = [
  { key: 'method', name: 'Activation method', of: ({ method }) => methodTable[method].label },
  { key: 'grid', name: 'Activation grid', of: ({ grid }) => grid, inWords: gridText },
  { key: 'bits', name: 'Activation bits', of: ({ bits }) => bitsText(bits) },
];

function adjusted<Quantizer>(
  settings: readonly Setting<Quantizer>[],
  before: Quantizer,
  after: Quantizer,
  change: Partial<Quantizer> = {},
): string[] {
  const asked = settings.find(({ key }) => change[key] !== undefined);
  if (!asked) return [];
  const wanted = asked.of(after);
  const words = asked.inWords?.(wanted) ?? wanted;
  return settings.flatMap((setting) => {
    const [old, now] = [setting.of(before), setting.of(after)];
    if (old === now || setting === asked) return [];
    return [`${setting.name} became ${now}: ${old} does not go with ${words}.`];
  });
}

/** Sentences about everything in `after` that `patch` did not ask for. */
export function adjustments(before: LayerConfig, after: LayerConfig, patch: LayerPatch): string[] {
  return [
    ...adjusted(weightSettings, before.weight, after.weight, patch.weight),
    ...adjusted(activationSettings, before.activation, after.activation, patch.activation),
  ];
}
