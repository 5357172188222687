import type { Bits, LayerInfo, QuantizationError, WeightQuantizer } from '../../host/contract.js';
import { setBits, useAnalysis, useOwnBits } from '../../host/index.js';
import { bitsColor, Card, formatDb, plural, Tooltip } from '../../ui/index.js';

interface Point {
  bits: Bits;
  sqnrDb: number | null;
  /** Percent of the plot's width and height, from the top left. */
  x: number;
  y: number;
}

const gridStepDb = 10;

/** The points in percent of the plot, and the dB lines behind them. */
export function curveLayout(errors: readonly QuantizationError[]): {
  points: Point[];
  lines: { db: number; y: number }[];
} {
  const known = errors.flatMap((error) => (error.sqnrDb === null ? [] : [error.sqnrDb]));
  const low = Math.floor(Math.min(...known, 0) / gridStepDb) * gridStepDb;
  const high = Math.max(low + gridStepDb, Math.ceil(Math.max(...known, 0) / gridStepDb) * gridStepDb);
  const y = (db: number) => 100 - ((db - low) / (high - low)) * 100;
  const points = errors.map((error) => ({
    bits: error.bits,
    sqnrDb: error.sqnrDb,
    x: ((error.bits - 0.5) / 8) * 100,
    // No error at all stands at the top edge.
    y: error.sqnrDb === null ? 0 : y(error.sqnrDb),
  }));
  const lines: { db: number; y: number }[] = [];
  for (let db = low; db <= high; db += gridStepDb) lines.push({ db, y: y(db) });
  return { points, lines };
}

function CurvePoint({ point, chosen }: { point: Point; chosen: boolean }) {
  return (
    <Tooltip content={`${plural(point.bits, 'bit')}: ${formatDb(point.sqnrDb)}`} side="top">
      <button
        type="button"
        aria-label={`Set ${plural(point.bits, 'bit')}, ${formatDb(point.sqnrDb)}`}
        aria-pressed={chosen}
        onClick={() => setBits({ weight: point.bits })}
        className="absolute flex size-5 -translate-x-1/2 -translate-y-1/2 items-center justify-center rounded-full"
        style={{ left: `${point.x}%`, top: `${point.y}%` }}
      >
        <span
          className={`rounded-full ${chosen ? 'size-2.5 ring-2 ring-ink/70' : 'size-[7px]'}`}
          style={{ background: bitsColor(point.bits) }}
        />
      </button>
    </Tooltip>
  );
}

/** SQNR of the same quantizer at the bits it has; a point sets the bits. */
export function BitsCurve({ layer, quantizer }: { layer: LayerInfo; quantizer: WeightQuantizer }) {
  const { data } = useAnalysis(layer.name, quantizer);
  const own = useOwnBits(quantizer);
  const known = data?.layer === layer.name ? data.byBits : [];
  const errors = known.filter(({ bits }) => own.bits.includes(bits));
  const { points, lines } = curveLayout(errors);
  const path = points.map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${x} ${y}`).join('');
  return (
    <Card inset title="Error by bits" subtitle="SQNR, dB">
      <div className="relative mt-1 mr-1 mb-5 ml-6 h-[84px]">
        <svg
          aria-hidden
          viewBox="0 0 100 100"
          preserveAspectRatio="none"
          className="absolute inset-0 size-full overflow-visible"
        >
          {lines.map((line) => (
            <line
              key={line.db}
              x1="0"
              x2="100"
              y1={line.y}
              y2={line.y}
              stroke="var(--line)"
              vectorEffect="non-scaling-stroke"
            />
          ))}
          <path
            d={path}
            fill="none"
            stroke="var(--ink3)"
            strokeWidth="1.5"
            vectorEffect="non-scaling-stroke"
          />
        </svg>
        {lines.map((line) => (
          <span
            key={line.db}
            className="absolute right-full mr-1.5 -translate-y-1/2 font-mono text-[10px] text-ink3"
            style={{ top: `${line.y}%` }}
          >
            {line.db}
          </span>
        ))}
        {points.map((point) => (
          <CurvePoint key={point.bits} point={point} chosen={point.bits === quantizer.bits} />
        ))}
        {points.map((point) => (
          <span
            key={point.bits}
            className={`absolute top-full mt-1.5 -translate-x-1/2 font-mono text-[10px] ${
              point.bits === quantizer.bits ? 'font-semibold text-ink' : 'text-ink3'
            }`}
            style={{ left: `${point.x}%` }}
          >
            {point.bits}
          </span>
        ))}
      </div>
      {own.note ? <p className="text-xs text-ink3">{own.note}.</p> : null}
    </Card>
  );
}
