import type { Bits, LayerConfig, LayerInfo } from '../../host/contract.js';
import { bitWidths } from '../../host/contract.js';
import { editSelection, setBits } from '../../host/index.js';
import { Field, NumberField, SegmentedControl, Select } from '../../ui/index.js';
import { commonValue } from './common-value.js';
import { granularityChoices, gridChoices, methodChoices, rangeChoices } from './words.js';

export const bitSegments = bitWidths.map((bits) => ({
  value: bits,
  label: bits === 32 ? 'fp' : String(bits),
  name: bits === 32 ? 'float' : `${bits} ${bits === 1 ? 'bit' : 'bits'}`,
  bits,
}));

export interface ControlsProps {
  layers: readonly LayerInfo[];
  configs: readonly LayerConfig[];
}

export function mixedHint(value: unknown): string | undefined {
  return value === null ? 'mixed' : undefined;
}

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
function WeightDetails({ layers, configs }: ControlsProps) {
  const bits = commonValue(configs, ({ weight }) => weight.bits);
  const grid = commonValue(configs, ({ weight }) => weight.grid);
  const granularity = commonValue(configs, ({ weight }) => weight.granularity);
  const groupSize = commonValue(configs, ({ weight }) => weight.groupSize);
  const range = commonValue(configs, ({ weight }) => weight.range);
  const method = commonValue(configs, ({ weight }) => weight.method);
  const smallestRow = Math.min(...layers.map((layer) => layer.cols), 65536);
  return (
    <>
      <Field label="Method">
        <Select
          label="Method"
          value={method}
          options={methodChoices}
          onChange={(value) => editSelection({ weight: { method: value } }, value.toUpperCase())}
        />
      </Field>
      <div className="grid grid-cols-2 gap-2">
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
      </div>
      {granularity === 'group' ? (
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
      ) : null}
      {bits === 1 ? null : (
        <Field label="Start range">
          <Select
            label="Start range"
            value={range}
            options={rangeChoices}
            onChange={(value) => {
              const label = rangeChoices.find((choice) => choice.value === value)?.label ?? value;
              editSelection({ weight: { range: value } }, `range ${label}`);
            }}
          />
        </Field>
      )}
    </>
  );
}

export function WeightControls({ layers, configs }: ControlsProps) {
  const bits = commonValue(configs, ({ weight }) => weight.bits);
  return (
    <>
      <Field label="Weight bits" hint={mixedHint(bits)}>
        <SegmentedControl
          label="Weight bits"
          value={bits}
          segments={bitSegments}
          onChange={(value) => setBits({ weight: value })}
        />
      </Field>
      {bits === 32 ? null : <WeightDetails layers={layers} configs={configs} />}
    </>
  );
}
