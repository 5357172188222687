import type { Grid, LayerConfig, LayerInfo, RangeEstimator, WeightQuantizer } from '../../host/contract.js';
import { bitWidths, fitsGrid, legalWeight, methodTable } from '../../host/contract.js';
import { editSelection, setBits } from '../../host/index.js';
import { Field, NumberField, plural, SegmentedControl, Select } from '../../ui/index.js';
import { commonValue } from './common-value.js';
import { RangeParameter } from './range-parameter.js';
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

/** What choosing a grid does to the bits. */
function gridOptions(config: WeightQuantizer | null) {
  return gridChoices.map((choice) => {
    if (!config) return choice;
    const { bits } = legalWeight(config, { grid: choice.value });
    return bits === config.bits ? choice : { ...choice, hint: `sets ${plural(bits, 'bit')}` };
  });
}

/** A range estimator for another grid cannot be chosen; the reason stands for its hint. */
function rangeOptions(grid: Grid | null) {
  return rangeChoices.map((choice) => ({
    ...choice,
    blocked: grid === null || fitsGrid(choice.value, grid) ? null : 'for the ternary grid',
  }));
}

/** A method that needs another grid brings it. */
function methodOptions(config: WeightQuantizer | null) {
  return methodChoices.map((choice) => {
    if (!config) return choice;
    const { grid, bits } = legalWeight(config, { method: choice.value });
    if (grid === config.grid) return choice;
    return {
      ...choice,
      hint: `sets the ${grid} grid${bits === config.bits ? '' : `, ${plural(bits, 'bit')}`}`,
    };
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
  const [first = null] = configs;
  const config = first?.weight ?? null;
  if (bits === 32) return null;
  const smallestRow = Math.min(...layers.map((layer) => layer.cols), 65536);
  return (
    <div className="grid grid-cols-2 gap-x-2 gap-y-2.5">
      <Field label="Method">
        <Select
          label="Method"
          value={method}
          options={methodOptions(config)}
          onChange={(value) => editSelection({ weight: { method: value } }, methodTable[value].label)}
        />
      </Field>
      <Field label="Start range">
        <Select
          label="Start range"
          value={range}
          options={rangeOptions(grid)}
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
          options={gridOptions(config)}
          onChange={(value) => editSelection({ weight: { grid: value } }, `the ${value} grid`)}
        />
      </Field>
      <RangeParameter
        range={range}
        value={(id, usual) => commonValue(configs, ({ weight }) => weight[id] ?? usual)}
        onChange={(id, value) => editSelection({ weight: { [id]: value } }, `${id} ${value}`)}
      />
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
