/** The bit-widths that a layer's quantizer has: at others it would be another quantizer, so nothing is shown there. */
import {
  type Bits,
  bitWidths,
  type LibraryState,
  methodTable,
  ownBits,
  type WeightQuantizer,
} from './contract.js';
import { useLibraries } from './libraries-store.js';

export interface OwnBits {
  /** Ascending, from 1 to 8. */
  bits: readonly Bits[];
  /** What is missing and why, as `IR-Net has 1 bit only`; null where all eight are there. */
  note: string | null;
}

/** `2–4, 8 bits`. */
function listed(bits: readonly Bits[]): string {
  const parts: string[] = [];
  let start = 0;
  bits.forEach((one, index) => {
    if (bits[index + 1] === one + 1) return;
    const first = bits[start];
    parts.push(first === one ? String(one) : `${first}–${one}`);
    start = index + 1;
  });
  return `${parts.join(', ')} ${bits.length === 1 && bits[0] === 1 ? 'bit' : 'bits'}`;
}

export function ownBitsOf(quantizer: WeightQuantizer, libraries: readonly LibraryState[]): OwnBits {
  const { grid, method } = quantizer;
  const library = libraries.find(({ id }) => id === quantizer.library)?.loaded;
  const ofLibrary = bitWidths.filter((bits) => library?.bits.includes(bits) ?? bits === quantizer.bits);
  const bits = ownBits(quantizer, ofLibrary);
  if (bits.length === 8) return { bits, note: null };
  if (method === 'user' && !library) return { bits, note: 'The quantizer library is not loaded' };
  const plain = method === 'lsq' || method === 'ste';
  const owner = library?.name ?? (plain ? `The ${grid} grid` : methodTable[method].label);
  return { bits, note: `${owner} has ${listed(bits)} only` };
}

const none: OwnBits = { bits: [], note: null };

export function useOwnBits(quantizer: WeightQuantizer | null): OwnBits {
  const libraries = useLibraries((state) => state.libraries);
  return quantizer === null ? none : ownBitsOf(quantizer, libraries);
}
