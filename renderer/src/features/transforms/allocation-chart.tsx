import { chartColors, Legend, LineChart, type LineSeries } from '../../charts/index.js';
import type { Allocation, AllocationTotal } from '../../host/contract.js';
import { formatNumber } from '../../ui/index.js';

const units = [
  { name: 'MB', bytes: 1e6 },
  { name: 'kB', bytes: 1e3 },
  { name: 'bytes', bytes: 1 },
] as const;

/** The largest unit in which the smallest size has two digits. */
function unitFor(least: number) {
  return units.find(({ bytes }) => least >= 10 * bytes) ?? units[2];
}

export function allocationSeries({ curve, uniform, now, proposed }: Allocation) {
  const unit = unitFor(Math.min(...[now, proposed, ...curve].map(({ bytes }) => bytes)));
  const points = (totals: readonly AllocationTotal[]) =>
    totals.map(({ bytes, error }) => ({ x: bytes / unit.bytes, y: error })).sort((a, b) => a.x - b.x);
  const series: LineSeries[] = [
    { id: 'curve', label: 'best of each size', color: chartColors.accent, points: points(curve) },
    {
      id: 'uniform',
      label: 'all layers alike',
      color: chartColors.neutral,
      // Points alone: there are no layers alike in between.
      dash: '0 100000',
      marker: 'square',
      points: points(uniform),
    },
    { id: 'now', label: 'now', color: chartColors.warn, marker: 'ring', points: points([now]) },
    {
      id: 'proposed',
      label: 'proposed',
      color: chartColors.good,
      marker: 'diamond',
      points: points([proposed]),
    },
  ];
  return { unit: unit.name, series };
}

/** The summed error against the size: what the budget buys, and what more of it would. */
export function AllocationChart({ allocation }: { allocation: Allocation }) {
  const { unit, series } = allocationSeries(allocation);
  const { now, proposed } = allocation;
  const words = `now ${formatNumber(now.error)} at ${now.bytes} bytes, proposed ${formatNumber(proposed.error)} at ${proposed.bytes} bytes`;
  return (
    <section aria-label="Error against size" className="flex flex-col">
      <h3 className="mb-1 flex items-baseline gap-2 text-sm font-semibold">
        Error against size
        <span className="figure font-normal text-ink3">summed over the layers, by size in {unit}</span>
      </h3>
      <Legend items={series} />
      <div className="flex h-40 flex-col">
        <LineChart
          label={`Summed error against size: ${words}.`}
          series={series}
          scale="log"
          xLabel={unit}
          formatY={(y) => formatNumber(y)}
          markers
          range={null}
          onRangeChange={() => undefined}
        />
      </div>
    </section>
  );
}
