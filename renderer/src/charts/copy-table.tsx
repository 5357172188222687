/** Copy a table's raw values for a spreadsheet or a file. */
import { Copy } from 'lucide-react';
import { IconButton } from '../ui/button.js';
import { Menu } from '../ui/menu.js';
import { useChartActions } from './chart-actions.js';
import { type ChartTable, csvText, fileStem, tsvText } from './export.js';

export interface CopyTableProps {
  title: string;
  table: () => ChartTable;
}

export function CopyTable({ title, table }: CopyTableProps) {
  const actions = useChartActions();
  if (!actions) return null;
  const attempt = (doing: string, work: () => Promise<void>) => {
    work().catch((thrown: unknown) => actions.failed(thrown, doing));
  };
  const copy = (format: 'CSV' | 'TSV') =>
    attempt('copying the table', async () => {
      await actions.copyText(format === 'CSV' ? csvText(table()) : tsvText(table()));
      actions.done('Table copied', `${title}, as ${format}`);
    });
  const save = () =>
    attempt('saving the table', async () => {
      const path = await actions.save('csv', fileStem(title), csvText(table()));
      if (path !== null) actions.done('Table saved', path);
    });
  return (
    <Menu
      align="end"
      trigger={
        <IconButton
          size="sm"
          label={`Copy or save: ${title}`}
          tip="Copy or save"
          icon={<Copy aria-hidden className="size-3.5" />}
        />
      }
      entries={[
        { id: 'tsv', label: 'Copy for a spreadsheet (TSV)', onSelect: () => copy('TSV') },
        { id: 'csv', label: 'Copy as CSV', onSelect: () => copy('CSV') },
        'separator',
        { id: 'save', label: 'Save as CSV…', onSelect: save },
      ]}
    />
  );
}
