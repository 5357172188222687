import { ChevronDown } from 'lucide-react';
import { Collapsible } from 'radix-ui';
import { useState } from 'react';
import type { ActivationQuantizer } from '../../host/contract.js';
import { editSelection, setBits } from '../../host/index.js';
import { Field, SegmentedControl, Select } from '../../ui/index.js';
import { commonValue } from './common-value.js';
import { PartNotes } from './part-notes.js';
import { RangeParameter } from './range-parameter.js';
import { bitSegments, type ControlsProps } from './weight-controls.js';
import { activationMethodChoices, activationRangeChoices, type Choice } from './words.js';

const gridChoices: readonly Choice<ActivationQuantizer['grid']>[] = [
  { value: 'auto', label: 'automatic', hint: 'unsigned after a ReLU, signed elsewhere' },
  { value: 'signed', label: 'signed', hint: 'values of both signs' },
  { value: 'unsigned', label: 'unsigned', hint: 'no values below zero' },
];

/** The quantizer of a layer's input; always one scale per tensor. */
export function ActivationControls({ configs }: Pick<ControlsProps, 'configs'>) {
  const bits = commonValue(configs, ({ activation }) => activation.bits);
  const grid = commonValue(configs, ({ activation }) => activation.grid);
  const range = commonValue(configs, ({ activation }) => activation.range);
  const method = commonValue(configs, ({ activation }) => activation.method);
  const [open, setOpen] = useState(false);
  const quantized = bits !== 32;
  const summary = `${grid === 'auto' ? 'auto' : (grid ?? 'mixed')} · ${method?.toUpperCase() ?? 'mixed'}`;
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
        <Field label="Grid">
          <Select
            label="Activation grid"
            value={grid}
            options={gridChoices}
            onChange={(value) => editSelection({ activation: { grid: value } }, `${value} activations`)}
          />
        </Field>
        <Field label="Start range">
          <Select
            label="Activation start range"
            value={range}
            options={activationRangeChoices}
            onChange={(value) => editSelection({ activation: { range: value } }, `activation range ${value}`)}
          />
        </Field>
        <div className="col-span-2">
          <Field label="Method">
            <Select
              label="Activation method"
              value={method}
              options={activationMethodChoices}
              onChange={(value) =>
                editSelection({ activation: { method: value } }, `${value.toUpperCase()} activations`)
              }
            />
          </Field>
        </div>
        <RangeParameter
          range={range}
          value={(id, usual) => commonValue(configs, ({ activation }) => activation[id] ?? usual)}
          onChange={(id, value) => editSelection({ activation: { [id]: value } }, `${id} ${value}`)}
        />
        <div className="col-span-2">
          <PartNotes title="Formulas of the activations" range={range} method={method} />
        </div>
      </Collapsible.Content>
    </Collapsible.Root>
  );
}
