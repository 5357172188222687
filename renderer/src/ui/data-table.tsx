/** A sortable table for figures; long ones only draw the rows in view. */
import { useVirtualizer } from '@tanstack/react-virtual';
import { clsx } from 'clsx';
import { ArrowDown, ArrowUp } from 'lucide-react';
import { type ReactNode, useMemo, useRef, useState } from 'react';

export type CellValue = number | string | null;

export interface DataColumn<T> {
  id: string;
  header: string;
  /** What the figure means. */
  title?: string | undefined;
  /** The raw value: for sorting and copying. Null sorts last either way. */
  value(row: T): CellValue;
  /** As shown; by default the value itself. */
  cell?: ((row: T) => ReactNode) | undefined;
  align?: 'left' | 'right' | undefined;
  /** The direction of the first click: figures where more is better start with the largest. */
  firstSort?: 'ascending' | 'descending' | undefined;
  unsortable?: boolean | undefined;
  /** Takes the room that is left; its text is cut when there is none. */
  wide?: boolean | undefined;
  /** Left out of sight where the table is narrow. */
  roomy?: boolean | undefined;
}

const roomyClass = 'hidden @min-[52rem]:table-cell';

export interface SortState {
  column: string;
  direction: 'ascending' | 'descending';
}

export function compareValues(a: CellValue, b: CellValue): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

const isMissing = (value: CellValue) => value === null || (typeof value === 'number' && Number.isNaN(value));

/** Stable; missing values last in both directions. */
export function sortRows<T>(
  rows: readonly T[],
  columns: readonly DataColumn<T>[],
  sort: SortState | null,
): T[] {
  const column = columns.find((candidate) => candidate.id === sort?.column);
  if (!sort || !column) return [...rows];
  const sign = sort.direction === 'ascending' ? 1 : -1;
  return [...rows].sort((left, right) => {
    const a = column.value(left);
    const b = column.value(right);
    if (isMissing(a) || isMissing(b)) return Number(isMissing(a)) - Number(isMissing(b));
    return sign * compareValues(a, b);
  });
}

/** The table's raw values, for CSV and TSV. */
export function rawTable<T>(
  rows: readonly T[],
  columns: readonly DataColumn<T>[],
): { columns: string[]; rows: CellValue[][] } {
  return {
    columns: columns.map((column) => column.header),
    rows: rows.map((row) => columns.map((column) => column.value(row))),
  };
}

export interface DataTableProps<T> {
  label: string;
  columns: readonly DataColumn<T>[];
  rows: readonly T[];
  rowKey(row: T): string;
  sort: SortState | null;
  onSort(sort: SortState): void;
  /** Marked as the one in use. */
  isCurrent?: ((row: T) => boolean) | undefined;
  onRowClick?: ((row: T) => void) | undefined;
  rowTitle?: ((row: T) => string | undefined) | undefined;
  className?: string | undefined;
}

const rowPx = 24;
/** Shorter tables are drawn whole. */
const virtualFrom = 80;

export function DataTable<T>(props: DataTableProps<T>) {
  const { label, columns, rows, sort } = props;
  const scroller = useRef<HTMLDivElement>(null);
  // By hand: the compiler leaves a component with a virtualizer as it is.
  const sorted = useMemo(() => sortRows(rows, columns, sort), [rows, columns, sort]);
  const virtual = sorted.length >= virtualFrom;
  const window = useVirtualizer({
    count: sorted.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowPx,
    overscan: 16,
    enabled: virtual,
  });
  const items = virtual ? window.getVirtualItems() : null;
  const first = items?.[0]?.index ?? 0;
  const last = items ? (items[items.length - 1]?.index ?? -1) : sorted.length - 1;
  const before = first * rowPx;
  const after = (sorted.length - 1 - last) * rowPx;
  return (
    <div ref={scroller} className={clsx('@container min-h-0 min-w-0 overflow-auto', props.className)}>
      <table
        aria-label={label}
        aria-rowcount={sorted.length + 1}
        className="figure w-full border-collapse"
        data-selectable
      >
        <thead>
          <tr aria-rowindex={1}>
            {columns.map((column) => (
              <HeaderCell key={column.id} column={column} sort={sort} onSort={props.onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {virtual && before > 0 ? <tr aria-hidden style={{ height: before }} /> : null}
          {sorted.slice(first, last + 1).map((row, offset) => (
            <Row key={props.rowKey(row)} {...props} row={row} index={first + offset} />
          ))}
          {virtual && after > 0 ? <tr aria-hidden style={{ height: after }} /> : null}
        </tbody>
      </table>
    </div>
  );
}

interface HeaderCellProps<T> {
  column: DataColumn<T>;
  sort: SortState | null;
  onSort(sort: SortState): void;
}

function HeaderCell<T>({ column, sort, onSort }: HeaderCellProps<T>) {
  const direction = sort?.column === column.id ? sort.direction : undefined;
  const next = () => {
    const opposite = direction === 'ascending' ? 'descending' : 'ascending';
    onSort({ column: column.id, direction: direction ? opposite : (column.firstSort ?? 'ascending') });
  };
  const left = column.align === 'left';
  const Arrow = direction === 'descending' ? ArrowDown : ArrowUp;
  return (
    <th
      scope="col"
      aria-sort={column.unsortable ? undefined : (direction ?? 'none')}
      title={column.title}
      className={clsx(
        'sticky top-0 z-1 bg-bg1 p-0 font-normal whitespace-nowrap text-ink2 shadow-[inset_0_-1px_var(--line)]',
        left ? 'text-left' : 'text-right',
        column.roomy && roomyClass,
      )}
    >
      {column.unsortable ? (
        <span className="inline-block px-1.5 py-1">
          {column.header || <span className="sr-only">{column.title ?? column.id}</span>}
        </span>
      ) : (
        <button
          type="button"
          onClick={next}
          className={clsx(
            'inline-flex h-6 w-full items-center gap-1 px-1.5 hover:text-ink focus-visible:-outline-offset-2',
            left ? 'justify-start' : 'justify-end',
            direction && 'text-ink',
          )}
        >
          {column.header}
          {direction ? <Arrow aria-hidden className="size-3 text-accent" /> : null}
        </button>
      )}
    </th>
  );
}

function Row<T>({
  row,
  index,
  columns,
  isCurrent,
  onRowClick,
  rowTitle,
}: DataTableProps<T> & { row: T; index: number }) {
  const current = isCurrent?.(row) ?? false;
  return (
    <tr
      aria-rowindex={index + 2}
      aria-current={current || undefined}
      title={rowTitle?.(row)}
      onClick={onRowClick ? () => onRowClick(row) : undefined}
      className={clsx(
        'h-6 border-b border-line/60 last:border-b-0 hover:bg-bg2',
        current && 'bg-bg3 hover:bg-bg3',
      )}
    >
      {columns.map((column) => (
        <td
          key={column.id}
          className={clsx(
            'px-1.5 whitespace-nowrap',
            column.align === 'left' ? 'text-left' : 'text-right',
            column.wide && 'w-full max-w-0 min-w-32 truncate',
            column.roomy && roomyClass,
          )}
        >
          {column.cell ? column.cell(row) : column.value(row)}
        </td>
      ))}
    </tr>
  );
}

export function useSort(initial: SortState | null): [SortState | null, (sort: SortState) => void] {
  return useState(initial);
}
