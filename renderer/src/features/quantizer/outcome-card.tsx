import type { LayerOutcome } from '../../host/contract.js';
import { roundingTable } from '../../host/contract.js';
import { Card, formatDb, formatNumber, KeyValue, type KeyValueItem, Warning } from '../../ui/index.js';

export function outcomeTitle({ by }: LayerOutcome): string {
  return by === 'training' ? 'Trained by itself' : roundingTable[by].label;
}

function items({ measure, nearest, loss, power }: LayerOutcome): KeyValueItem[] {
  const what =
    measure === 'output' ? 'Mean ‖ŷ − y‖² over the calibration inputs' : 'Mean |w − ŵ|^p over the weights';
  const value = (error: number) => {
    // Nothing to measure it by: inputs or weights are all 0.
    if (power === 0) return error === 0 ? formatDb(null) : `${formatNumber(error, 3)} of 0`;
    return (
      <>
        {formatDb(error > 0 ? 10 * Math.log10(error / power) : null)}
        <span className="font-normal text-ink3"> · {formatNumber((100 * error) / power, 3)} %</span>
      </>
    );
  };
  return [
    { key: 'nearest', value: value(nearest), title: `${what}, rounded to nearest under the prepared scales` },
    { key: 'now', value: value(loss), title: `${what}, with the codes as made` },
  ];
}

interface Verdict {
  what: string;
  remedy: string;
}

const better = 'Choose more bits, smaller groups or another start range';

/** Of what is worse than rounding to nearest. */
const instead: Record<LayerOutcome['by'], string> = {
  adaround: 'Choose Nearest for it, or more iterations.',
  gptq: 'Choose Nearest for it, or more damping.',
  hqq: 'Choose Nearest for it, or smaller groups.',
  training: 'Reset the layer and round it to nearest.',
};

/** What is wrong with the outcome, worst first. */
function verdicts(outcome: LayerOutcome, canCapture: boolean): Verdict[] {
  const { by, measure, inputs, nearest, loss, power } = outcome;
  const found: Verdict[] = [];
  const give = measure === 'output' ? 'The layer’s output' : 'The weight';
  if (loss > power) {
    found.push({
      what: `${give} is further off than if it were 0.`,
      remedy: `${better}, or leave the layer float.`,
    });
  } else if (nearest > power) {
    found.push({
      what: `Rounded to nearest, ${give.toLowerCase()} would be further off than if it were 0: scales and inputs do not fit each other.`,
      remedy: `See that the calibration inputs are like the layer’s own. ${better}.`,
    });
  }
  if (loss > nearest) found.push({ what: 'Worse than rounding to nearest.', remedy: instead[by] });
  if (inputs === 'drawn') {
    found.push({
      what: 'Measured on drawn inputs: on the network’s own the layer may do worse than rounded to nearest.',
      remedy: canCapture
        ? 'Choose captured inputs and make it again.'
        : 'Give a file of real inputs, or compare the accuracy of both.',
    });
  }
  return found;
}

interface OutcomeCardProps {
  outcome: LayerOutcome;
  /** There is a data set to capture the layer's inputs from. */
  canCapture: boolean;
}

/** What the chosen codes, or the training of this layer, won over rounding to nearest. */
export function OutcomeCard({ outcome, canCapture }: OutcomeCardProps) {
  const { by, loss, nearest, measure } = outcome;
  return (
    <Card
      inset
      title={outcomeTitle(outcome)}
      subtitle={measure === 'output' ? 'output error, of ‖y‖²' : 'weight error, of |w|^p'}
    >
      <KeyValue items={items(outcome)} />
      <div className="mt-1.5 flex flex-col gap-1.5 empty:hidden">
        {verdicts(outcome, canCapture).map(({ what, remedy }) => (
          <Warning key={what} remedy={remedy}>
            {what}
          </Warning>
        ))}
        {loss === nearest ? (
          <p className="text-xs text-ink2">
            {by === 'training'
              ? 'Training won nothing: the layer is the one rounded to nearest.'
              : 'Nothing was won over rounding to nearest.'}
          </p>
        ) : null}
      </div>
      <p className="mt-1 text-xs text-ink3">
        The figures of the weights above round the model’s weights to nearest under the same scales.
      </p>
    </Card>
  );
}
