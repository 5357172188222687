/** SQNR against bits: where the next bit stops paying. */
import { ChartFrame, ScatterStrip, type StripPoint } from '../../charts/index.js';
import type { QuantizationError } from '../../host/contract.js';
import { setLayerConfigs, useOwnBits } from '../../host/index.js';
import { bitsColor, formatDb, formatNumber, plural } from '../../ui/index.js';
import { type ErrorPartProps, ownErrors } from './figures.js';

const ticks = [1, 2, 3, 4, 5, 6, 7, 8];
const axis = { low: 0.6, high: 8.4 };

function pointOf(error: QuantizationError, current: boolean): StripPoint | null {
  if (error.sqnrDb === null) return null;
  return {
    id: String(error.bits),
    x: error.bits,
    y: error.sqnrDb,
    color: bitsColor(error.bits),
    emphasis: current,
    text: current ? formatDb(error.sqnrDb, 1) : undefined,
    title: plural(error.bits, 'bit'),
    lines: [
      { label: 'SQNR', value: formatDb(error.sqnrDb) },
      { label: 'MSE', value: formatNumber(error.mse) },
      { label: 'bits/weight', value: error.effectiveBits.toFixed(2) },
    ],
  };
}

export function ErrorByBits({ pair, busy }: ErrorPartProps) {
  const own = useOwnBits(pair.quantizer);
  const byBits = ownErrors(pair, own);
  const now = pair.quantizer.bits;
  const points = byBits.map((error) => pointOf(error, error.bits === now)).filter((point) => point !== null);
  const exact = byBits.filter((error) => error.sqnrDb === null).map((error) => error.bits);
  const summary = byBits.map((error) => `${error.bits} bits ${formatDb(error.sqnrDb)}`).join(', ');
  const table = () => ({
    columns: ['bits', 'SQNR dB'],
    rows: byBits.map((error) => [error.bits, error.sqnrDb ?? 'exact']),
  });
  return (
    <ChartFrame
      title="SQNR by bits"
      subtitle={own.note === null ? 'dB' : `dB · ${own.note}`}
      note={exact.length > 0 ? `exact at ${exact.join(', ')}` : null}
      summary={`Signal to quantization noise: ${summary}.`}
      table={table}
      busy={busy}
    >
      <ScatterStrip
        label={`SQNR by bits. ${summary}`}
        points={points}
        joined
        radius={3}
        xTicks={ticks}
        xDomain={axis}
        onPick={({ x }) => {
          const error = byBits.find((candidate) => candidate.bits === x);
          if (!error) return;
          setLayerConfigs(
            [pair.layer],
            { weight: { bits: error.bits } },
            `Set ${pair.layer} to ${plural(x, 'bit')}`,
          );
        }}
      />
    </ChartFrame>
  );
}
