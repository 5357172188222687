import {
  defaultGalore,
  galoreTypes,
  optimizers,
  optimizerTable,
  schedules,
  stepsPerEpoch,
  type TrainingConfig,
  trainingConfigSchema,
} from '../../host/contract.js';
import { setOptimizer, setTraining, usedBeta2, useProject, useTraining } from '../../host/index.js';
import { Checkbox, Field, formatCount, NumberField, PartNote, Select, TextField } from '../../ui/index.js';
import { Section } from './section.js';
import { DiagnosticsGroup, LossGroup, QuantizationGroup } from './training-groups.js';
import { Setting, SettingNote } from './training-setting.js';

const optimizerHints: Record<TrainingConfig['optimizer'], string> = {
  adamw: 'weight decay apart from the gradient',
  adam: 'weight decay in the gradient',
  radam: 'Adam that warms itself up',
  lion: 'steps of one size; a tenth of AdamW’s rate',
  sgd: 'with momentum',
  diode: 'binary weights flip by a vote',
};
const optimizerChoices = optimizers.map((value) => ({
  value,
  label: optimizerTable[value].label,
  hint: optimizerHints[value],
}));
const scheduleHints: Record<TrainingConfig['schedule'], string> = {
  cosine: 'falls to 0 at the end',
  step: 'falls every few epochs',
  constant: 'stays',
};
const scheduleChoices = schedules.map((value) => ({ value, label: value, hint: scheduleHints[value] }));

function stepsText(training: TrainingConfig, images: number | undefined): string | null {
  if (images === undefined) return null;
  return `${formatCount(stepsPerEpoch(training, images) * training.epochs)} steps over ${formatCount(images)} images`;
}

/** Why these settings cannot go together. */
function trainingProblem(training: TrainingConfig): string | null {
  const checked = trainingConfigSchema.safeParse(training);
  return checked.success ? null : (checked.error.issues[0]?.message ?? null);
}

/** The settings of the next training. */
export function TrainingSection() {
  const { name, training } = useTraining();
  const dataset = useProject((state) => state.project?.dataset);
  const steps = stepsText(training, dataset?.trainCount);
  const problem = trainingProblem(training);
  return (
    <Section
      title="Training"
      summary={`${training.epochs} × ${optimizerTable[training.optimizer].label} · ${training.learningRate}`}
    >
      <Field label="Run name">
        <TextField
          aria-label="Run name"
          value={name}
          maxLength={200}
          placeholder="named after its bits"
          onChange={(event) => useTraining.setState({ name: event.target.value })}
        />
      </Field>
      <div className="grid grid-cols-2 gap-2">
        <OptimizerFields training={training} />
        <GaloreFields training={training} />
        <ScheduleFields training={training} />
        <Setting of="epochs" label="Epochs" min={1} max={10_000} integer />
        <Setting of="batchSize" label="Batch size" min={1} max={65_536} integer step="scale" />
        <Setting of="gradientClip" label="Gradient clip" min={0} max={1e6} step={0.5} note="gradientClip" />
        <Setting of="scaleRate" label="Scale rate, ×" min={1e-4} max={1e4} step="scale" note="scaleRate" />
        <Setting of="seed" label="Seed" min={0} max={0xffff_ffff} integer />
      </div>
      <LossGroup training={training} />
      <QuantizationGroup training={training} />
      <DiagnosticsGroup training={training} />
      {problem ? <p className="text-sm text-bad">{problem}</p> : null}
      {steps ? <p className="figure text-ink3">{steps}</p> : null}
    </Section>
  );
}

function OptimizerFields({ training }: { training: TrainingConfig }) {
  const sgd = training.optimizer === 'sgd';
  const beta2 = usedBeta2(training);
  const ownBeta2 = optimizerTable[training.optimizer].beta2;
  return (
    <>
      <Field
        label="Optimizer"
        hint={<PartNote control="Optimizer" part={optimizerTable[training.optimizer]} />}
      >
        <Select
          label="Optimizer"
          value={training.optimizer}
          options={optimizerChoices}
          onChange={setOptimizer}
        />
      </Field>
      <Setting of="learningRate" label="Learning rate" min={1e-8} max={100} step="scale" />
      <Setting of="weightDecay" label="Weight decay" min={0} max={10} step={0.0001} />
      {beta2 === null ? null : (
        <Field label="β₂">
          <NumberField
            label="β₂"
            value={beta2}
            min={0}
            max={0.999_999}
            step={0.001}
            onChange={(next) => setTraining({ beta2: next === ownBeta2 ? null : next })}
          />
        </Field>
      )}
      {training.optimizer === 'diode' ? (
        <Setting of="amplitude" label="Vote at the start" min={1e-9} max={1} step="scale" />
      ) : null}
      {sgd ? <Setting of="momentum" label="Momentum" min={0} max={0.9999} step={0.01} /> : null}
      {sgd ? (
        <Checkbox
          label="Nesterov"
          checked={training.nesterov}
          disabled={training.momentum === 0}
          onChange={(nesterov) => setTraining({ nesterov })}
        />
      ) : null}
    </>
  );
}

const galoreHints: Record<(typeof galoreTypes)[number], string> = {
  std: 'the shorter side',
  reverse_std: 'the longer side',
  left: 'the outputs',
  right: 'the inputs',
  full: 'both sides',
};
const galoreChoices = galoreTypes.map((value) => ({
  value,
  label: value.replace('_', ' '),
  hint: galoreHints[value],
}));

/** Low-rank steps, for any optimizer. */
function GaloreFields({ training: { galore } }: { training: TrainingConfig }) {
  const change = (next: Partial<typeof defaultGalore>) =>
    galore && setTraining({ galore: { ...galore, ...next } });
  return (
    <>
      <div className="col-span-2 flex items-center gap-2">
        <Checkbox
          label="GaLore: steps in few directions"
          checked={galore !== null}
          onChange={(on) => setTraining({ galore: on ? defaultGalore : null })}
        />
        <SettingNote of="galore" />
      </div>
      {galore ? (
        <>
          <Field label="Rank">
            <NumberField
              label="GaLore rank"
              value={galore.rank}
              min={1}
              max={65_536}
              integer
              step="scale"
              onChange={(rank) => change({ rank })}
            />
          </Field>
          <Field label="Projection">
            <Select
              label="GaLore projection"
              value={galore.type}
              options={galoreChoices}
              onChange={(type) => change({ type })}
            />
          </Field>
          <Field label="Update gap, steps">
            <NumberField
              label="GaLore update gap"
              value={galore.updateGap}
              min={1}
              max={1_000_000}
              integer
              step="scale"
              onChange={(updateGap) => change({ updateGap })}
            />
          </Field>
          <Field label="Scale, ×">
            <NumberField
              label="GaLore scale"
              value={galore.scale}
              min={1e-6}
              max={1e6}
              step="scale"
              onChange={(scale) => change({ scale })}
            />
          </Field>
        </>
      ) : null}
    </>
  );
}

function ScheduleFields({ training }: { training: TrainingConfig }) {
  const stepped = training.schedule === 'step';
  return (
    <>
      <Field label="Schedule" hint={<SettingNote of="schedule" />}>
        <Select
          label="Schedule"
          value={training.schedule}
          options={scheduleChoices}
          onChange={(schedule) => setTraining({ schedule })}
        />
      </Field>
      {stepped ? <Setting of="stepEpochs" label="Step epochs" min={1} max={10_000} integer /> : null}
      {stepped ? <Setting of="stepFactor" label="Step factor" min={1e-6} max={1} step="scale" /> : null}
      <Setting of="warmupEpochs" label="Warm-up epochs" min={0} max={10_000} step={0.5} note="warmupEpochs" />
    </>
  );
}
