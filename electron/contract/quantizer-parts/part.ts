/** One row of a table of quantizer parts: what the workbench, its documentation and its tests say about a part. */
export interface Part {
  label: string;
  /** Plain text, one or two lines; ⌊·⌉ rounds half to even. */
  formula: string;
  /** The paper it is from; null where it is common knowledge. */
  source: string | null;
  goodFor: string;
  traps: string;
}

/** A number that belongs to a part, and the field of a quantizer that holds it. */
export interface Parameter {
  id: 'percentile' | 'norm' | 'iterations' | 'damping' | 'shrinkNorm';
  label: string;
  min: number;
  max: number;
  step: number;
  default: number;
  /** Whole numbers only. */
  integer?: true;
}

/** The ids of a table, in its order. */
export function idsOf<Id extends string>(table: Readonly<Record<Id, unknown>>): [Id, ...Id[]] {
  return Object.keys(table) as [Id, ...Id[]];
}
