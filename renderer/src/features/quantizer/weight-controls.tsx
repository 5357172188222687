import type { Bits, LayerConfig, LayerInfo, RangeEstimator } from '../../host/contract.js';
import { bitWidths } from '../../host/contract.js';
import { editSelection, setBits } from '../../host/index.js';
import { Field, NumberField, plural, SegmentedControl, Select } from '../../ui/index.js';
import { commonValue } from './common-value.js';
import { granularityChoices, gridChoices, methodChoices, rangeChoices } from './words.js';

export const bitSegments = bitWidths.map((bits) => ({
  value: bits,
  label: bits === 32 ? 'fp' : String(bits),
  name: bits === 32 ? 'float' : plural(bits, 'bit'),
  bits,
}));

export interface ControlsProps {
  layers: readonly LayerInfo[];
  configs: readonly LayerConfig[];
}

export function mixedHint(value: unknown): string | undefined {
  return value === null ? 'mixed' : undefined;
}

const rangeLabel = (range: RangeEstimator) =>
  rangeChoices.find((choice) => choice.value === range)?.label ?? range;

/** Grids that the chosen bits allow, with the reason against the others. */
function gridOptions(bits: Bits | null) {
  return gridChoices.map((choice) => {
    const binary = choice.value === 'binary';
    if (bits === 1 && !binary) return { ...choice, hint: 'sets 2 bits' };
    if (bits !== 1 && binary) return { ...choice, hint: 'sets 1 bit' };
    return choice;
  });
}

/** Only a quantized weight has a grid, a scale and a way to train it. */
export function WeightDetails({ layers, configs }: ControlsProps) {
  const bits = commonValue(configs, ({ weight }) => weight.bits);
  const grid = commonValue(configs, ({ weight }) => weight.grid);
  const granularity = commonValue(configs, ({ weight }) => weight.granularity);
  const groupSize = commonValue(configs, ({ weight }) => weight.groupSize);
  const range = commonValue(configs, ({ weight }) => weight.range);
  const method = commonValue(configs, ({ weight }) => weight.method);
  if (bits === 32) return null;
  const smallestRow = Math.min(...layers.map((layer) => layer.cols), 65536);
  return (
    <div className="grid grid-cols-2 gap-x-2 gap-y-2.5">
      <Field label="Method">
        <Select
          label="Method"
          value={method}
          options={methodChoices}
          onChange={(value) => editSelection({ weight: { method: value } }, value.toUpperCase())}
        />
      </Field>
      <Field label="Start range">
        <Select
          label="Start range"
          value={range}
          options={rangeChoices}
          disabled={bits === 1}
          onChange={(value) => editSelection({ weight: { range: value } }, `range ${rangeLabel(value)}`)}
        />
      </Field>
      <Field label="Granularity">
        <Select
          label="Granularity"
          value={granularity}
          options={granularityChoices}
          onChange={(value) => editSelection({ weight: { granularity: value } }, `scales per ${value}`)}
        />
      </Field>
      <Field label="Grid">
        <Select
          label="Grid"
          value={grid}
          options={gridOptions(bits)}
          onChange={(value) => editSelection({ weight: { grid: value } }, `the ${value} grid`)}
        />
      </Field>
      {granularity === 'group' ? (
        <div className="col-span-2">
          <Field label="Group size" hint={`inputs that share a scale, at most ${smallestRow}`}>
            <NumberField
              label="Group size"
              value={groupSize}
              min={2}
              max={Math.max(2, smallestRow)}
              integer
              step="scale"
              onChange={(value) => editSelection({ weight: { groupSize: value } }, `groups of ${value}`)}
            />
          </Field>
        </div>
      ) : null}
    </div>
  );
}

export function WeightBits({ configs }: Pick<ControlsProps, 'configs'>) {
  const bits = commonValue(configs, ({ weight }) => weight.bits);
  return (
    <Field label="Weight bits" hint={mixedHint(bits)}>
      <SegmentedControl
        label="Weight bits"
        value={bits}
        segments={bitSegments}
        onChange={(value) => setBits({ weight: value })}
      />
    </Field>
  );
}
