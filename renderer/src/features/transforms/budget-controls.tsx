import { allocatedBits, type Budget, transformTable } from '../../host/contract.js';
import { type Measure, setAllocation, useAllocation, useCalibration, useProject } from '../../host/index.js';
import {
  Checkbox,
  Field,
  formatCount,
  NumberField,
  PartNote,
  SegmentedControl,
  Select,
  type SelectOption,
} from '../../ui/index.js';
import { BitsToggles } from './bits-toggles.js';

const budgets: { value: Budget['kind']; label: string }[] = [
  { value: 'bits', label: 'bits a weight' },
  { value: 'bytes', label: 'bytes' },
];

/** The budget, the bits there are to give, and on what errors are measured. */
export function BudgetControls() {
  const { budget, bits, bytes, choices, measure, relative } = useAllocation();
  return (
    <div className="flex flex-col gap-3">
      <Field label="Budget" hint={<PartNote part={transformTable.allocate} side="right" />}>
        <SegmentedControl
          label="Budget in"
          value={budget}
          segments={budgets}
          onChange={(next) => setAllocation({ budget: next })}
          className="mb-1.5"
        />
        {budget === 'bits' ? (
          <NumberField
            label="Mean bits a weight"
            value={bits}
            min={1}
            max={8}
            step={0.1}
            onChange={(next) => setAllocation({ bits: next })}
          />
        ) : (
          <NumberField
            label="Bytes of all layers"
            value={bytes}
            min={1}
            max={2 ** 50}
            integer
            step={Math.max(1, Math.round(bytes / 20))}
            onChange={(next) => setAllocation({ bytes: next })}
          />
        )}
        <p className="mt-1 text-xs text-ink3">
          {budget === 'bits'
            ? 'Codes alone, over all layers that are not float.'
            : 'As exported: codes, scales and zero points; float layers too.'}
        </p>
      </Field>
      <Field label="Bits to choose from">
        <BitsToggles
          label="Bits to choose from"
          all={allocatedBits}
          chosen={choices}
          onChange={(next) => setAllocation({ choices: next })}
        />
      </Field>
      <Field label="Errors of">
        <Select
          label="Errors of"
          value={measure}
          options={useMeasures()}
          onChange={(next) => setAllocation({ measure: next })}
        />
      </Field>
      <Checkbox
        label={measure === 'weights' ? 'Relative to each weight' : 'Relative to each layer’s output'}
        checked={relative}
        onChange={(on) => setAllocation({ relative: on })}
      />
    </div>
  );
}

/** Inputs are those of the quantizer panel's calibration. */
function useMeasures(): SelectOption<Measure>[] {
  const { captured, drawn } = useCalibration();
  const blocked = useProject(({ project }) =>
    project?.dataset ? null : (project?.trainingReason ?? 'There is no data set.'),
  );
  return [
    {
      value: 'captured',
      label: 'outputs, inputs captured',
      hint: `of the first ${formatCount(captured.images)} images`,
      blocked,
    },
    {
      value: 'drawn',
      label: 'outputs, inputs drawn',
      hint: `${drawn.distribution.kind}, ${formatCount(drawn.samples)} samples`,
    },
    { value: 'weights', label: 'weights alone', hint: 'Σ(ŵ − w)², no inputs' },
  ];
}
