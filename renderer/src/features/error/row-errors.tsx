/** SQNR of each output channel, and the ones that lose most. */
import { ChartFrame, ScatterStrip, type StripPoint, useZoom } from '../../charts/index.js';
import { lookAtRow, showTab, useProject } from '../../host/index.js';
import { formatCount, formatDb } from '../../ui/index.js';
import { type ErrorPartProps, type RowError, rowTable, worstRows } from './figures.js';

const listed = 7;
const emphasized = 3;

function rowPoints(rows: readonly RowError[], worst: readonly RowError[]): StripPoint[] {
  const marked = new Set(worst.slice(0, emphasized).map(({ row }) => row));
  return rows.flatMap(({ row, sqnrDb }) => {
    if (sqnrDb === null) return [];
    const bad = marked.has(row);
    return [
      {
        id: String(row),
        x: row,
        y: sqnrDb,
        color: bad ? 'var(--bad)' : 'var(--accent)',
        marker: bad ? ('triangle' as const) : ('circle' as const),
        title: `channel ${row}`,
        lines: [{ label: 'SQNR', value: formatDb(sqnrDb) }],
      },
    ];
  });
}

function showRow(layer: string, row: number): void {
  lookAtRow(layer, row);
  showTab('distribution');
}

export function RowErrors({ pair, busy }: ErrorPartProps) {
  const [range, setRange] = useZoom();
  const { rowSqnrDb } = pair.whatIf;
  const rows = useProject(
    (state) => state.project?.model.layers.find((layer) => layer.name === pair.layer)?.rows,
  );
  const worst = worstRows(rowSqnrDb, listed);
  const points = rowPoints(rowSqnrDb, worst);
  const table = () => rowTable(rowSqnrDb);
  const thinned = rows !== undefined && rowSqnrDb.length < rows;
  const named = worst.map(({ row, sqnrDb }) => `channel ${row} ${formatDb(sqnrDb, 1)}`).join(', ');
  return (
    <ChartFrame
      title="SQNR by output channel"
      subtitle={thinned ? `worst of each ${Math.ceil(rows / rowSqnrDb.length)}` : 'dB'}
      summary={`SQNR of ${formatCount(rowSqnrDb.length)} output channels. Worst: ${named || 'none, all are exact'}.`}
      table={table}
      busy={busy}
      zoomed={range !== null}
      onResetZoom={() => setRange(null)}
      empty={
        points.length === 0
          ? { title: 'Every channel is exact', text: 'The weights lose nothing at this bit-width.' }
          : null
      }
    >
      <div className="flex min-h-0 flex-1 gap-3">
        <ScatterStrip
          label={`SQNR by output channel, ${pair.layer}. Worst: ${named}`}
          points={points}
          radius={1.8}
          integerX
          range={range}
          onRangeChange={setRange}
          onPick={({ x }) => showRow(pair.layer, x)}
        />
        <div className="w-28 shrink-0 overflow-y-auto">
          <h4 className="mb-1 text-xs text-ink3">Worst channels</h4>
          <ol className="figure">
            {worst.map(({ row, sqnrDb }) => (
              <li key={row}>
                <button
                  type="button"
                  title={`Show the distribution of channel ${row}`}
                  onClick={() => showRow(pair.layer, row)}
                  className="flex w-full justify-between rounded-sm px-1 hover:bg-bg3"
                >
                  <span>{row}</span>
                  <span className="text-ink2">{formatDb(sqnrDb, 1)}</span>
                </button>
              </li>
            ))}
          </ol>
        </div>
      </div>
    </ChartFrame>
  );
}
