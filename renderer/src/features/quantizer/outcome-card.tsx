import type { LayerOutcome } from '../../host/contract.js';
import { roundingTable } from '../../host/contract.js';
import { Card, formatDb, formatNumber, KeyValue, type KeyValueItem } from '../../ui/index.js';

const decibels = (error: number, power: number) => (power > 0 ? 10 * Math.log10(error / power) : null);

export function outcomeTitle({ by }: LayerOutcome): string {
  return by === 'training' ? 'Trained by itself' : roundingTable[by].label;
}

function items({ measure, nearest, loss, power }: LayerOutcome): KeyValueItem[] {
  const what =
    measure === 'output' ? 'Mean ‖ŷ − y‖² over the calibration inputs' : 'Mean |w − ŵ|^p over the weights';
  const value = (error: number) => (
    <>
      {formatDb(decibels(error, power))}
      <span className="font-normal text-ink3"> · {formatNumber(error, 3)}</span>
    </>
  );
  return [
    { key: 'nearest', value: value(nearest), title: `${what}, rounded to nearest under the prepared scales` },
    { key: 'now', value: value(loss), title: `${what}, with the codes as made` },
  ];
}

/** What the chosen codes, or the training of this layer, won over rounding to nearest. */
export function OutcomeCard({ outcome }: { outcome: LayerOutcome }) {
  return (
    <Card
      inset
      title={outcomeTitle(outcome)}
      subtitle={outcome.measure === 'output' ? 'output error' : 'weight error'}
    >
      <KeyValue items={items(outcome)} />
      {outcome.loss < outcome.nearest ? null : (
        <p className="mt-1 text-xs text-ink2">Nothing was won over rounding to nearest.</p>
      )}
      <p className="mt-1 text-xs text-ink3">
        The figures of the weights above round the model’s weights to nearest under the same scales.
      </p>
    </Card>
  );
}
