import type { ActivationQuantizer } from '../../host/contract.js';
import { editSelection, setBits } from '../../host/index.js';
import { Field, SegmentedControl, Select } from '../../ui/index.js';
import { commonValue } from './common-value.js';
import { Section } from './section.js';
import { bitSegments, type ControlsProps, mixedHint } from './weight-controls.js';
import { type Choice, methodChoices, rangeChoices } from './words.js';

const gridChoices: readonly Choice<ActivationQuantizer['grid']>[] = [
  { value: 'auto', label: 'automatic', hint: 'unsigned after a ReLU, signed elsewhere' },
  { value: 'signed', label: 'signed', hint: 'values of both signs' },
  { value: 'unsigned', label: 'unsigned', hint: 'no values below zero' },
];

/** The quantizer of a layer's input; always one scale per tensor. */
export function ActivationControls({ configs }: ControlsProps) {
  const bits = commonValue(configs, ({ activation }) => activation.bits);
  const grid = commonValue(configs, ({ activation }) => activation.grid);
  const range = commonValue(configs, ({ activation }) => activation.range);
  const method = commonValue(configs, ({ activation }) => activation.method);
  return (
    <>
      <Field label="Activation bits" hint={mixedHint(bits)}>
        <SegmentedControl
          label="Activation bits"
          value={bits}
          segments={bitSegments}
          onChange={(value) => setBits({ activation: value })}
        />
      </Field>
      {bits === 32 ? null : (
        <Section
          title="Activation quantizer"
          summary={`${grid ?? 'mixed'} · ${method?.toUpperCase() ?? 'mixed'}`}
        >
          <div className="grid grid-cols-2 gap-2">
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
                options={rangeChoices}
                onChange={(value) =>
                  editSelection({ activation: { range: value } }, `activation range ${value}`)
                }
              />
            </Field>
          </div>
          <Field label="Method">
            <Select
              label="Activation method"
              value={method}
              options={methodChoices}
              onChange={(value) =>
                editSelection({ activation: { method: value } }, `${value.toUpperCase()} activations`)
              }
            />
          </Field>
        </Section>
      )}
    </>
  );
}
