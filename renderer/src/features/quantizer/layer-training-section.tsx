import { optimizers, optimizerTable } from '../../host/contract.js';
import {
  setLayerOptimizer,
  setLayerTraining,
  trainLayersBlocked,
  trainSelection,
  useCalibration,
  useProject,
  useSituation,
} from '../../host/index.js';
import { Button, Field, NumberField, plural, Select } from '../../ui/index.js';
import { Section } from './section.js';

const choices = optimizers.map((value) => ({ value, label: optimizerTable[value].label }));

/** Training each selected layer by itself: its quantized output against its float output. */
export function LayerTrainingSection({ count }: { count: number }) {
  const training = useCalibration((state) => state.training);
  const busy = useProject((state) => state.busy);
  const situation = useSituation();
  const { optimizer, learningRate, epochs, batchSize, seed } = training;
  const label = count === 1 ? 'Train layer' : `Train ${plural(count, 'layer')}`;
  return (
    <Section
      title="Layer training"
      summary={`${epochs} × ${optimizerTable[optimizer].label} · ${learningRate}`}
    >
      <p className="text-xs text-ink3">
        Each layer by itself: its quantized output against its float output, ‖ŷ − y‖², on the calibration
        inputs.
      </p>
      <div className="grid grid-cols-2 gap-2">
        <Field label="Optimizer">
          <Select label="Layer optimizer" value={optimizer} options={choices} onChange={setLayerOptimizer} />
        </Field>
        <Field label="Learning rate">
          <NumberField
            label="Layer learning rate"
            value={learningRate}
            min={1e-8}
            max={10}
            step="scale"
            onChange={(next) => setLayerTraining({ learningRate: next })}
          />
        </Field>
        <Field label="Epochs">
          <NumberField
            label="Layer epochs"
            value={epochs}
            min={1}
            max={10_000}
            integer
            onChange={(next) => setLayerTraining({ epochs: next })}
          />
        </Field>
        <Field label="Batch size">
          <NumberField
            label="Layer batch size"
            value={batchSize}
            min={1}
            max={65_536}
            integer
            step="scale"
            onChange={(next) => setLayerTraining({ batchSize: next })}
          />
        </Field>
        <Field label="Seed">
          <NumberField
            label="Layer seed"
            value={seed}
            min={0}
            max={0xffff_ffff}
            integer
            onChange={(next) => setLayerTraining({ seed: next })}
          />
        </Field>
      </div>
      <Button
        size="sm"
        busy={busy === 'train'}
        blocked={trainLayersBlocked(situation)}
        onClick={() => void trainSelection()}
      >
        {label}
      </Button>
    </Section>
  );
}
