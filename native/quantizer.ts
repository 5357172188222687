/** How the addon is told a quantizer. */

export type NativeGrid = 'signed' | 'narrow' | 'unsigned' | 'binary';

/** Structurally the contract's weight quantizer (the contract is not imported here: native depends on nothing). */
export interface NativeQuantizer {
  bits: number;
  grid: NativeGrid;
  granularity: 'tensor' | 'channel' | 'group';
  groupSize: number;
  range: 'absmax' | 'mse' | 'lsq';
  method: 'lsq' | 'ste';
}

export interface NativeActivationQuantizer {
  bits: number;
  /** Resolved: the engine replaces `auto` before it gets here. */
  grid: 'signed' | 'unsigned';
  range: 'absmax' | 'mse' | 'lsq';
  method: 'lsq' | 'ste' | 'lsqPlus' | 'pact' | 'dorefa';
}
