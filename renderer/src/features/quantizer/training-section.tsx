import type { TrainingConfig } from '../../host/contract.js';
import { setTraining, useProject, useTraining } from '../../host/index.js';
import { Field, formatCount, NumberField, SegmentedControl, TextField } from '../../ui/index.js';
import { Section } from './section.js';

const optimizers: readonly { value: TrainingConfig['optimizer']; label: string }[] = [
  { value: 'adamw', label: 'AdamW' },
  { value: 'sgd', label: 'SGD' },
];
const schedules: readonly { value: TrainingConfig['schedule']; label: string; name?: string }[] = [
  { value: 'cosine', label: 'cosine' },
  { value: 'constant', label: 'const', name: 'constant' },
];

function stepsText(training: TrainingConfig, images: number | undefined): string | null {
  if (images === undefined) return null;
  const perEpoch = Math.ceil(images / training.batchSize);
  return `${formatCount(perEpoch * training.epochs)} steps over ${formatCount(images)} images`;
}

/** The settings of the next training. */
export function TrainingSection() {
  const { name, training } = useTraining();
  const dataset = useProject((state) => state.project?.dataset);
  const steps = stepsText(training, dataset?.trainCount);
  return (
    <Section
      title="Training"
      summary={`${training.epochs} × ${training.optimizer === 'sgd' ? 'SGD' : 'AdamW'} · ${training.learningRate}`}
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
        <Field label="Optimizer">
          <SegmentedControl
            label="Optimizer"
            value={training.optimizer}
            segments={optimizers}
            onChange={(optimizer) => setTraining({ optimizer })}
          />
        </Field>
        <Field label="Schedule">
          <SegmentedControl
            label="Schedule"
            value={training.schedule}
            segments={schedules}
            onChange={(schedule) => setTraining({ schedule })}
          />
        </Field>
        <Field label="Learning rate">
          <NumberField
            label="Learning rate"
            value={training.learningRate}
            min={1e-8}
            max={100}
            step="scale"
            onChange={(learningRate) => setTraining({ learningRate })}
          />
        </Field>
        <Field label="Epochs">
          <NumberField
            label="Epochs"
            value={training.epochs}
            min={1}
            max={10_000}
            integer
            onChange={(epochs) => setTraining({ epochs })}
          />
        </Field>
        <Field label="Batch size">
          <NumberField
            label="Batch size"
            value={training.batchSize}
            min={1}
            max={65_536}
            integer
            step="scale"
            onChange={(batchSize) => setTraining({ batchSize })}
          />
        </Field>
        <Field label="Weight decay">
          <NumberField
            label="Weight decay"
            value={training.weightDecay}
            min={0}
            max={10}
            step={0.0001}
            onChange={(weightDecay) => setTraining({ weightDecay })}
          />
        </Field>
        {training.optimizer === 'sgd' ? (
          <Field label="Momentum">
            <NumberField
              label="Momentum"
              value={training.momentum}
              min={0}
              max={0.9999}
              step={0.01}
              onChange={(momentum) => setTraining({ momentum })}
            />
          </Field>
        ) : null}
        <Field label="Seed">
          <NumberField
            label="Seed"
            value={training.seed}
            min={0}
            max={0xffff_ffff}
            integer
            onChange={(seed) => setTraining({ seed })}
          />
        </Field>
      </div>
      {steps ? <p className="figure text-ink3">{steps}</p> : null}
    </Section>
  );
}
