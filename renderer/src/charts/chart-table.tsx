/** The numbers of a chart as a table, for those who read rather than look. */
import type { Cell, ChartTable } from './export.js';
import { formatShort } from './format.js';

/** More rows than this are in the CSV; a page of them helps nobody. */
const maxShownRows = 1600;

function cellText(cell: Cell): string {
  if (cell === null) return '–';
  return typeof cell === 'number' ? formatShort(cell, 7) : cell;
}

export function ChartTableView({ table, label }: { table: ChartTable; label: string }) {
  const shown = table.rows.slice(0, maxShownRows);
  return (
    <section
      className="min-h-0 flex-1 overflow-auto rounded-md border border-line"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
      tabIndex={0}
      aria-label={label}
    >
      <table className="figure w-full border-collapse" data-selectable>
        <caption className="chart-hidden">{label}</caption>
        <thead>
          <tr>
            {table.columns.map((column) => (
              <th
                scope="col"
                key={column}
                className="sticky top-0 bg-bg2 px-2.5 py-1 text-right font-normal whitespace-nowrap text-ink2 shadow-[inset_0_-1px_var(--line)]"
              >
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows are positions in the data
            <tr key={index} className="even:bg-bg2/50">
              {row.map((cell, column) => (
                <td key={table.columns[column]} className="px-2.5 py-px text-right whitespace-nowrap">
                  {cellText(cell)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {table.rows.length > shown.length ? (
        <p className="px-2.5 py-1 text-xs text-ink3">
          {table.rows.length - shown.length} more rows are in the copied and saved numbers.
        </p>
      ) : null}
    </section>
  );
}
