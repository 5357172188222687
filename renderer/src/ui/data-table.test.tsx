import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it, vi } from 'vitest';
import { type DataColumn, DataTable, rawTable, type SortState, sortRows } from './data-table.js';

interface Item {
  name: string;
  score: number | null;
}

const columns: DataColumn<Item>[] = [
  { id: 'name', header: 'name', value: (item) => item.name, align: 'left' },
  {
    id: 'score',
    header: 'score',
    value: (item) => item.score,
    cell: (item) => (item.score === null ? '–' : `${item.score} dB`),
    firstSort: 'descending',
  },
];
const items: Item[] = [
  { name: 'run 10', score: 3 },
  { name: 'run 9', score: null },
  { name: 'run 2', score: 7 },
];
const names = (sort: SortState | null) => sortRows(items, columns, sort).map((item) => item.name);

describe('sorting', () => {
  it('orders numbers as numbers and digits in names by value', () => {
    expect(names({ column: 'score', direction: 'descending' })).toEqual(['run 2', 'run 10', 'run 9']);
    expect(names({ column: 'name', direction: 'ascending' })).toEqual(['run 2', 'run 9', 'run 10']);
  });

  it('keeps missing values last in both directions', () => {
    expect(names({ column: 'score', direction: 'ascending' }).at(-1)).toBe('run 9');
    expect(names({ column: 'score', direction: 'descending' }).at(-1)).toBe('run 9');
  });

  it('leaves the order alone without a column', () => {
    expect(names(null)).toEqual(['run 10', 'run 9', 'run 2']);
    expect(names({ column: 'gone', direction: 'ascending' })).toEqual(['run 10', 'run 9', 'run 2']);
  });

  it('copies raw values, not their looks', () => {
    expect(rawTable(items, columns).rows).toEqual([
      ['run 10', 3],
      ['run 9', null],
      ['run 2', 7],
    ]);
  });
});

describe('DataTable', () => {
  const draw = (rows: Item[], sort: SortState | null = null) => {
    const onSort = vi.fn();
    render(
      <DataTable
        label="items"
        columns={columns}
        rows={rows}
        rowKey={(item) => item.name}
        sort={sort}
        onSort={onSort}
      />,
    );
    return onSort;
  };

  it('starts a figure with its largest, then turns around', async () => {
    const onSort = draw(items);
    await userEvent.click(screen.getByRole('button', { name: 'score' }));
    expect(onSort).toHaveBeenCalledWith({ column: 'score', direction: 'descending' });
  });

  it('says how it is sorted', () => {
    draw(items, { column: 'score', direction: 'descending' });
    expect(screen.getByRole('columnheader', { name: 'score' }).getAttribute('aria-sort')).toBe('descending');
    expect(screen.getByRole('columnheader', { name: 'name' }).getAttribute('aria-sort')).toBe('none');
  });

  it('does not put thousands of rows into the page', () => {
    draw(Array.from({ length: 5000 }, (_, index) => ({ name: `run ${index}`, score: index })));
    const table = screen.getByRole('table', { name: 'items' });
    expect(table.getAttribute('aria-rowcount')).toBe('5001');
    expect(table.querySelectorAll('tr').length).toBeLessThan(200);
  });
});
