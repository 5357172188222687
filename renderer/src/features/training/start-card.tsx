/** Before the first run: what training does, with what, and the button. */
import { GraduationCap, Play } from 'lucide-react';
import { optimizerTable, stepsPerEpoch } from '../../host/contract.js';
import {
  configurationLabel,
  scheduleText,
  trainBlocked,
  trainModel,
  useConfiguration,
  useProject,
  useSituation,
  useTraining,
} from '../../host/index.js';
import { Button, EmptyState, formatCount, KeyValue } from '../../ui/index.js';

export function StartCard() {
  const situation = useSituation();
  const { training } = useTraining();
  const configuration = useConfiguration((state) => state.configuration);
  const dataset = useProject((state) => state.project?.dataset);
  const blocked = trainBlocked(situation);
  const steps = dataset ? stepsPerEpoch(training, dataset.trainCount) * training.epochs : null;
  const items = [
    { key: 'bits', value: configurationLabel(configuration) },
    {
      key: 'optimizer',
      value: `${optimizerTable[training.optimizer].label}, ${scheduleText(training)}, ${training.learningRate}`,
    },
    { key: 'epochs × batch', value: `${formatCount(training.epochs)} × ${formatCount(training.batchSize)}` },
    ...(steps === null ? [] : [{ key: 'steps', value: formatCount(steps) }]),
    ...(dataset
      ? [{ key: 'data', value: `${dataset.name}, ${formatCount(dataset.trainCount)} images` }]
      : []),
    { key: 'seed', value: String(training.seed) },
  ];
  return (
    <EmptyState
      icon={<GraduationCap />}
      title="Nothing trained yet"
      actions={
        <Button
          variant="primary"
          icon={<Play aria-hidden className="size-3.5" />}
          blocked={blocked}
          onClick={trainModel}
        >
          Train
        </Button>
      }
    >
      <p>
        Training adapts the float weights and the quantizer's scales to each other. Loss and accuracy appear
        here as it goes; every run is kept and can be laid beside the others.
      </p>
      <KeyValue items={items} className="mt-3 rounded-lg border border-line bg-bg1 px-3 py-2 text-left" />
      <p className="mt-2 text-xs text-ink3">
        {blocked ?? 'Change the settings under Training in the panel on the right.'}
      </p>
    </EmptyState>
  );
}
