/** The figures of the weights in columns: two lines of eight, or one where there is room. */
import { formatFixed } from '../../charts/index.js';
import type { Statistics } from '../../host/contract.js';
import type { LayerFigures } from '../../host/index.js';
import { formatNumber, formatShare } from '../../ui/index.js';

interface Figure {
  name: string;
  value: string;
  title?: string;
}

export function figuresOf(statistics: Statistics): Figure[] {
  const basics: Figure[] = [
    { name: 'min', value: formatNumber(statistics.min) },
    { name: 'max', value: formatNumber(statistics.max) },
    { name: 'mean', value: formatNumber(statistics.mean, 3) },
    { name: 'std', value: formatNumber(statistics.std), title: 'Population standard deviation' },
    {
      name: 'skew',
      value: formatFixed(statistics.skewness, 3),
      title: 'Skewness: 0 for a symmetric distribution',
    },
    {
      name: 'kurtosis',
      value: formatFixed(statistics.kurtosisExcess, 3),
      title: 'Excess kurtosis: 0 for a normal distribution, more for heavy tails',
    },
    {
      name: 'zeros',
      value: formatShare(statistics.zeroShare, 2),
      title: 'Share of weights that are exactly 0',
    },
  ];
  const percentiles = statistics.percentiles.map(({ p, value }) => ({
    name: `p${p}`,
    value: formatNumber(value, 3),
    title: `${p} % of the weights are below this`,
  }));
  return [...basics, ...percentiles];
}

export function StatisticsStrip({ figures }: { figures: LayerFigures }) {
  const { pair } = figures;
  if (!pair) return null;
  return (
    <dl
      data-selectable
      aria-label="Statistics of the weights"
      className="figure grid shrink-0 grid-cols-8 gap-x-2 @max-[36rem]:grid-cols-6 gap-y-1 px-0.5 !text-[11px] leading-[14px] @min-[76rem]:grid-cols-[repeat(16,auto)]"
    >
      {figuresOf(pair.analysis.statistics).map(({ name, value, title }) => (
        <div key={name} className="min-w-0 whitespace-nowrap" title={title}>
          <dt className="text-ink3">{name}</dt>
          <dd className="truncate">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
