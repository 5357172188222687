/** The mean error at each weight value: the saw between the levels, the ramps beyond the clip lines. */
import { ChartFrame, ScatterStrip, type StripPoint, useZoom } from '../../charts/index.js';
import type { FigurePair } from '../../host/index.js';
import { bitsColor, formatCount, formatDb, formatNumber } from '../../ui/index.js';
import { type ErrorPartProps, profileTable } from './figures.js';

function profilePoints({ analysis, whatIf, quantizer }: FigurePair): StripPoint[] {
  const { low, high, counts } = analysis.histogram;
  const width = (high - low) / counts.length;
  const color = bitsColor(quantizer.bits);
  return counts.flatMap((count, index) => {
    if (count === 0) return [];
    const error = whatIf.meanErrorByBin[index] ?? 0;
    const x = low + (index + 0.5) * width;
    return [
      {
        id: String(index),
        x,
        y: error,
        color,
        title: `weights near ${formatNumber(x, 4)}`,
        lines: [
          { label: 'mean error', value: formatNumber(error, 3) },
          { label: 'weights', value: formatCount(count) },
        ],
      },
    ];
  });
}

export function ErrorProfile({ pair, busy }: ErrorPartProps) {
  const [range, setRange] = useZoom();
  const points = profilePoints(pair);
  const table = () => profileTable(pair);
  const { error } = pair.whatIf;
  return (
    <ChartFrame
      title="Error at each value"
      subtitle="mean of ŵ − w"
      summary={`Mean error in ${points.length} bins of the weights. Largest error ${formatNumber(error.maxError)}, mean squared error ${formatNumber(error.mse)}, SQNR ${formatDb(error.sqnrDb)}.`}
      table={table}
      busy={busy}
      zoomed={range !== null}
      onResetZoom={() => setRange(null)}
    >
      <ScatterStrip
        label={`Mean error at each weight value, ${pair.layer}`}
        points={points}
        radius={1.7}
        baseline={0}
        range={range}
        onRangeChange={setRange}
      />
    </ChartFrame>
  );
}
