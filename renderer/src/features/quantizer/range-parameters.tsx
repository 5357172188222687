import type { Parameter, RangeEstimator, RangePart } from '../../host/contract.js';
import { rangeTable } from '../../host/contract.js';
import { Field, NumberField } from '../../ui/index.js';
import { commonValue } from './common-value.js';

export interface RangeParametersProps {
  /** `Weight` or `Activation`: whose start range it is. */
  of: string;
  range: RangeEstimator | null;
  quantizers: readonly Partial<Record<Parameter['id'], number | undefined>>[];
  onChange(change: Partial<Record<Parameter['id'], number>>): void;
}

/** A field for each parameter that the chosen range estimator has. */
export function RangeParameters({ range, ...rest }: RangeParametersProps) {
  if (range === null) return null;
  const { parameters }: RangePart = rangeTable[range];
  return <PartParameters parameters={parameters} {...rest} />;
}

export interface PartParametersProps extends Omit<RangeParametersProps, 'range'> {
  parameters: readonly Parameter[];
}

export function PartParameters({ of, parameters, quantizers, onChange }: PartParametersProps) {
  return parameters.map(({ id, label, min, max, step, integer, default: standard }) => (
    <Field key={id} label={label}>
      <NumberField
        label={`${of} ${label.toLowerCase()}`}
        value={commonValue(quantizers, (quantizer) => quantizer[id] ?? standard)}
        min={min}
        max={max}
        step={step}
        integer={integer ?? false}
        onChange={(value) => onChange({ [id]: value })}
      />
    </Field>
  ));
}
