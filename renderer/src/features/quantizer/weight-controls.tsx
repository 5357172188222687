import type { LayerConfig, LayerInfo } from '../../host/contract.js';
import { bitWidths, granularityTable, gridTable, methodTable, rangeTable } from '../../host/contract.js';
import { editSelection, setBits, useLibraries } from '../../host/index.js';
import { Field, NumberField, PartNote, plural, SegmentedControl, Select } from '../../ui/index.js';
import { commonValue } from './common-value.js';
import { RangeParameters } from './range-parameters.js';
import { RoundingControls } from './rounding-controls.js';
import {
  granularityChoices,
  methodChange,
  methodChoice,
  missingLibraries,
  weightGrids,
  weightMethodChoices,
  weightRanges,
} from './words.js';

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

/** Only a quantized weight has a grid, a scale and a way to train it. */
export function WeightDetails({ layers, configs }: ControlsProps) {
  const bits = commonValue(configs, ({ weight }) => weight.bits);
  const grid = commonValue(configs, ({ weight }) => weight.grid);
  const granularity = commonValue(configs, ({ weight }) => weight.granularity);
  const groupSize = commonValue(configs, ({ weight }) => weight.groupSize);
  const range = commonValue(configs, ({ weight }) => weight.range);
  const method = commonValue(configs, ({ weight }) => weight.method);
  const { libraries } = useLibraries();
  if (bits === 32) return null;
  const weights = configs.map(({ weight }) => weight);
  const missing = missingLibraries(libraries, weights);
  const smallestRow = Math.min(...layers.map((layer) => layer.cols), 65536);
  return (
    <div className="grid grid-cols-2 gap-x-2 gap-y-2.5">
      <Field label="Method" hint={<PartNote control="Method" part={method && methodTable[method]} />}>
        <Select
          label="Method"
          value={commonValue(configs, ({ weight }) => methodChoice(weight))}
          options={weightMethodChoices(libraries, weights)}
          onChange={(value) => {
            const change = methodChange(value, bits, libraries);
            editSelection({ weight: change }, change.library ?? methodTable[change.method ?? 'lsq'].label);
          }}
        />
      </Field>
      <Field label="Start range" hint={<PartNote control="Start range" part={range && rangeTable[range]} />}>
        <Select
          label="Start range"
          value={range}
          options={weightRanges(configs.map(({ weight }) => weight.grid))}
          // A binary scale and DoReFa's levels follow from the weights and the bits alone.
          disabled={bits === 1 || method === 'dorefa' || method === 'user'}
          onChange={(value) =>
            editSelection({ weight: { range: value } }, `range ${rangeTable[value].label}`)
          }
        />
      </Field>
      <RangeParameters
        of="Weight"
        range={range}
        quantizers={configs.map(({ weight }) => weight)}
        onChange={(change) => editSelection({ weight: change }, 'the range’s parameter')}
      />
      <Field
        label="Granularity"
        hint={<PartNote control="Granularity" part={granularity && granularityTable[granularity]} />}
      >
        <Select
          label="Granularity"
          value={granularity}
          options={granularityChoices}
          onChange={(value) => editSelection({ weight: { granularity: value } }, `scales per ${value}`)}
        />
      </Field>
      <Field label="Grid" hint={<PartNote control="Grid" part={grid && gridTable[grid]} />}>
        <Select
          label="Grid"
          value={grid}
          options={weightGrids(bits, grid)}
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
      <RoundingControls configs={configs} />
      {missing.length > 0 ? (
        <p role="status" className="col-span-2 text-sm text-bad">
          Not loaded: {missing.join(', ')}. Add the library (File › Quantizer Libraries…) to prepare, quantize
          or train.
        </p>
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
