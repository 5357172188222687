import { type Parameter, type RangeEstimator, rangeTable } from '../../host/contract.js';
import { Field, NumberField } from '../../ui/index.js';

export interface RangeParameterProps {
  /** Null where the layers differ. */
  range: RangeEstimator | null;
  /** What the layers share, `usual` where they leave it to the table; null where they differ. */
  value(id: Parameter['id'], usual: number): number | null;
  onChange(id: Parameter['id'], value: number): void;
}

/** The number a range estimator goes by, where it has one. */
export function RangeParameter({ range, value, onChange }: RangeParameterProps) {
  const parameters: readonly Parameter[] = range === null ? [] : rangeTable[range].parameters;
  return parameters.map(({ id, label, min, max, step, default: usual }) => (
    <div key={id} className="col-span-2">
      <Field label={label} hint={`${min} to ${max}, ${usual} unless changed`}>
        <NumberField
          label={label}
          value={value(id, usual)}
          min={min}
          max={max}
          step={step}
          onChange={(next) => onChange(id, next)}
        />
      </Field>
    </div>
  ));
}
