/** Settings of a training that most trainings leave alone, in groups that say what was changed while they are closed. */
import type { TrainingConfig } from '../../host/contract.js';
import { setTraining } from '../../host/index.js';
import { Checkbox, Field, NumberField, Select } from '../../ui/index.js';
import { Section } from './section.js';
import { Setting, SettingNote } from './training-setting.js';

interface GroupProps {
  training: TrainingConfig;
}

const summaryOf = (parts: readonly (string | false)[], otherwise: string) =>
  parts.filter((part) => part !== false).join(' · ') || otherwise;

const lossChoices = [
  { value: 'crossEntropy', label: 'cross-entropy', hint: 'the labels' },
  { value: 'mse', label: 'squared error', hint: 'the labels as one-hot targets' },
  { value: 'distillation', label: 'distillation', hint: 'the labels and the float model' },
] as const;

export function LossGroup({ training }: GroupProps) {
  const distils = training.loss === 'distillation';
  const summary = summaryOf(
    [
      distils && `distillation T ${training.temperature} · ${training.teacherShare}`,
      training.loss === 'mse' && 'squared error',
      training.labelSmoothing > 0 && `smoothing ${training.labelSmoothing}`,
    ],
    'cross-entropy',
  );
  return (
    <Section title="Loss" summary={summary}>
      <div className="grid grid-cols-2 gap-2">
        <Field label="Loss" hint={<SettingNote of="loss" />}>
          <Select
            label="Loss"
            value={training.loss}
            options={lossChoices}
            onChange={(loss) => setTraining({ loss })}
          />
        </Field>
        <Setting
          of="labelSmoothing"
          label="Label smoothing"
          min={0}
          max={0.9}
          step={0.05}
          note="labelSmoothing"
        />
        {distils ? (
          <>
            <Setting
              of="temperature"
              label="Temperature"
              min={0.01}
              max={100}
              step={0.5}
              note="temperature"
            />
            <Setting
              of="teacherShare"
              label="Teacher’s share"
              min={0}
              max={1}
              step={0.05}
              note="teacherShare"
            />
          </>
        ) : null}
      </div>
    </Section>
  );
}

const gradientBitChoices = ['float', '8', '7', '6', '5', '4', '3', '2'].map((value) => ({
  value,
  label: value === 'float' ? value : `${value} bits`,
}));
const defaultFreezeThreshold = 0.04;

export function QuantizationGroup({ training }: GroupProps) {
  const { quantizeFromEpoch, freezeNormFromEpoch, gradientBits, dampening, freezeThreshold } = training;
  const summary = summaryOf(
    [
      quantizeFromEpoch > 0 && `from epoch ${quantizeFromEpoch}`,
      freezeNormFromEpoch !== null && `norm frozen from ${freezeNormFromEpoch}`,
      gradientBits !== null && `gradients ${gradientBits} bit`,
      dampening > 0 && `dampening ${dampening}`,
      freezeThreshold > 0 && 'freezing',
    ],
    'from the start',
  );
  return (
    <Section title="Quantization in training" summary={summary}>
      <div className="grid grid-cols-2 items-end gap-2">
        <Setting
          of="quantizeFromEpoch"
          label="From epoch"
          min={0}
          max={10_000}
          step={0.5}
          note="quantizeFromEpoch"
        />
        <Field label="Gradient bits" hint={<SettingNote of="gradientBits" />}>
          <Select
            label="Gradient bits"
            value={gradientBits === null ? 'float' : String(gradientBits)}
            options={gradientBitChoices}
            onChange={(bits) => setTraining({ gradientBits: bits === 'float' ? null : Number(bits) })}
          />
        </Field>
        <Setting of="dampening" label="Dampening" min={0} max={1000} step={0.001} note="dampening" />
        <FrozenNorm training={training} />
        <Freezing training={training} />
      </div>
    </Section>
  );
}

function FrozenNorm({ training }: GroupProps) {
  const { freezeNormFromEpoch, epochs } = training;
  return (
    <div className="col-span-2 flex items-center gap-2">
      <Checkbox
        label="Freeze batch norm from epoch"
        checked={freezeNormFromEpoch !== null}
        onChange={(on) => setTraining({ freezeNormFromEpoch: on ? Math.max(0, epochs - 1) : null })}
      />
      {freezeNormFromEpoch === null ? null : (
        <div className="w-20">
          <NumberField
            label="Epoch from which batch norm is frozen"
            value={freezeNormFromEpoch}
            min={0}
            max={10_000}
            step={0.5}
            onChange={(next) => setTraining({ freezeNormFromEpoch: next })}
          />
        </div>
      )}
      <SettingNote of="freezeNormFromEpoch" />
    </div>
  );
}

function Freezing({ training }: GroupProps) {
  const { freezeThreshold, freezeThresholdEnd } = training;
  const on = freezeThreshold > 0;
  return (
    <>
      <div className="col-span-2 flex items-center gap-2">
        <Checkbox
          label="Freeze oscillating weights"
          checked={on}
          onChange={(next) =>
            setTraining({ freezeThreshold: next ? defaultFreezeThreshold : 0, freezeThresholdEnd: null })
          }
        />
        <SettingNote of="freezing" />
      </div>
      {on ? (
        <>
          <Setting of="freezeThreshold" label="Threshold" min={0.0001} max={1} step="scale" />
          <Field label="At the end">
            <NumberField
              label="Threshold at the end"
              value={freezeThresholdEnd ?? freezeThreshold}
              min={0.0001}
              max={1}
              step="scale"
              onChange={(next) => setTraining({ freezeThresholdEnd: next })}
            />
          </Field>
        </>
      ) : null}
    </>
  );
}

export function DiagnosticsGroup({ training }: GroupProps) {
  const { diagnosticsEvery } = training;
  const every = diagnosticsEvery === 1 ? 'every step' : `every ${diagnosticsEvery} steps`;
  return (
    <Section title="Diagnostics" summary={diagnosticsEvery === 0 ? 'at evaluations' : every}>
      <div className="grid grid-cols-2 gap-2">
        <Setting
          of="diagnosticsEvery"
          label="Every … steps"
          min={0}
          max={1_000_000}
          integer
          note="diagnosticsEvery"
        />
      </div>
    </Section>
  );
}
