import { ChevronDown } from 'lucide-react';
import { Collapsible } from 'radix-ui';
import { useState } from 'react';
import { gridTable, inputTable, methodTable, rangeTable } from '../../host/contract.js';
import { editSelection, setBits } from '../../host/index.js';
import { Checkbox, Field, PartNote, SegmentedControl, Select } from '../../ui/index.js';
import { commonValue } from './common-value.js';
import { RangeParameters } from './range-parameters.js';
import { bitSegments, type ControlsProps } from './weight-controls.js';
import { activationGridChoices, activationMethods, activationRanges } from './words.js';

/** The quantizer of a layer's input; always one scale per tensor. */
export function ActivationControls({ configs }: Pick<ControlsProps, 'configs'>) {
  const bits = commonValue(configs, ({ activation }) => activation.bits);
  const grid = commonValue(configs, ({ activation }) => activation.grid);
  const range = commonValue(configs, ({ activation }) => activation.range);
  const method = commonValue(configs, ({ activation }) => activation.method);
  const shifted = commonValue(configs, ({ activation }) => (activation.inputShift ? 'yes' : 'no'));
  const [open, setOpen] = useState(false);
  const quantized = bits !== 32;
  const summary = `${grid === 'auto' ? 'auto' : (grid ?? 'mixed')} · ${method ? methodTable[method].label.split(',', 1)[0] : 'mixed'}`;
  return (
    <Collapsible.Root open={open && quantized} onOpenChange={setOpen}>
      <Field
        label="Activation bits"
        hint={
          quantized ? (
            <Collapsible.Trigger className="group flex items-center gap-1 rounded-sm hover:text-ink">
              <span className="sr-only">Activation quantizer: </span>
              {bits === null ? 'mixed · ' : ''}
              {summary}
              <ChevronDown
                aria-hidden
                className="size-3 transition-transform group-data-[state=open]:rotate-180"
              />
            </Collapsible.Trigger>
          ) : null
        }
      >
        <SegmentedControl
          label="Activation bits"
          value={bits}
          segments={bitSegments}
          onChange={(value) => setBits({ activation: value })}
        />
      </Field>
      <Collapsible.Content className="grid grid-cols-2 gap-x-2 gap-y-2.5 pt-2.5">
        <Field
          label="Grid"
          hint={
            grid === 'auto' ? null : <PartNote control="Activation grid" part={grid && gridTable[grid]} />
          }
        >
          <Select
            label="Activation grid"
            value={grid}
            options={activationGridChoices}
            onChange={(value) => editSelection({ activation: { grid: value } }, `${value} activations`)}
          />
        </Field>
        <Field
          label="Start range"
          hint={<PartNote control="Activation start range" part={range && rangeTable[range]} />}
        >
          <Select
            label="Activation start range"
            value={range}
            options={activationRanges}
            onChange={(value) =>
              editSelection({ activation: { range: value } }, `activation range ${rangeTable[value].label}`)
            }
          />
        </Field>
        <RangeParameters
          of="Activation"
          range={range}
          quantizers={configs.map(({ activation }) => activation)}
          onChange={(change) => editSelection({ activation: change }, 'the activation range’s parameter')}
        />
        <div className="col-span-2">
          <Field
            label="Method"
            hint={<PartNote control="Activation method" part={method && methodTable[method]} />}
          >
            <Select
              label="Activation method"
              value={method}
              options={activationMethods}
              onChange={(value) =>
                editSelection({ activation: { method: value } }, `${methodTable[value].label} activations`)
              }
            />
          </Field>
        </div>
        <div className="col-span-2 flex items-center gap-2">
          <Checkbox
            label="Learn a shift of each input channel"
            checked={shifted === null ? null : shifted === 'yes'}
            onChange={(on) => editSelection({ activation: { inputShift: on } }, 'input shift')}
          />
          <PartNote part={inputTable.inputShift} />
        </div>
      </Collapsible.Content>
    </Collapsible.Root>
  );
}
