/** Copy and save, for one chart. */
import { Download } from 'lucide-react';
import type { RefObject } from 'react';
import { IconButton } from '../ui/button.js';
import { Menu, type MenuEntry } from '../ui/menu.js';
import { type ChartActions, useChartActions } from './chart-actions.js';
import { base64Of, type ChartTable, csvText, fileStem, pngBlob, svgText } from './export.js';

export interface ExportMenuProps {
  title: string;
  subtitle?: string | undefined;
  /** Element that holds the drawing. */
  body: RefObject<HTMLElement | null>;
  table: (() => ChartTable) | undefined;
}

type Choice = 'copy-png' | 'copy-svg' | 'copy-csv' | 'png' | 'svg' | 'csv';

const labels: Record<Choice, string> = {
  'copy-png': 'Copy picture',
  'copy-svg': 'Copy SVG',
  'copy-csv': 'Copy numbers (CSV)',
  png: 'Save picture (PNG)…',
  svg: 'Save drawing (SVG)…',
  csv: 'Save numbers (CSV)…',
};

export function ExportMenu(props: ExportMenuProps) {
  const actions = useChartActions();
  if (!actions) return null;
  const choose = (choice: Choice) => {
    perform(choice, props, actions).catch((thrown: unknown) => {
      actions.failed(thrown, choice.startsWith('copy') ? 'copying the chart' : 'saving the chart');
    });
  };
  const entry = (choice: Choice): MenuEntry => ({
    id: choice,
    label: labels[choice],
    blocked: choice.endsWith('csv') && !props.table ? 'no numbers' : null,
    onSelect: () => choose(choice),
  });
  return (
    <Menu
      align="end"
      trigger={
        <IconButton
          size="sm"
          label={`Copy or save: ${props.title}`}
          tip="Copy or save"
          icon={<Download aria-hidden className="size-3.5" />}
        />
      }
      entries={[
        entry('copy-png'),
        entry('copy-svg'),
        entry('copy-csv'),
        'separator',
        entry('png'),
        entry('svg'),
        entry('csv'),
      ]}
    />
  );
}

/** The chart's own <svg>; null while its table is shown instead. */
function drawing(body: HTMLElement | null): SVGSVGElement | null {
  return body?.querySelector<SVGSVGElement>('svg.recharts-surface') ?? null;
}

async function perform(choice: Choice, props: ExportMenuProps, actions: ChartActions): Promise<void> {
  const { title, subtitle, body, table } = props;
  const name = fileStem(subtitle ? `${title} ${subtitle}` : title);
  if (choice === 'csv' || choice === 'copy-csv') {
    if (!table) return;
    const text = csvText(table());
    if (choice === 'csv') return report(await actions.save('csv', name, text), actions);
    await actions.copyText(text);
    return actions.done('Numbers copied', `${title}, as CSV`);
  }
  const svg = drawing(body.current);
  if (!svg) return actions.done('Nothing to copy', 'Show the chart instead of its table first.');
  const options = { title, subtitle };
  switch (choice) {
    case 'copy-svg':
      await actions.copyText(svgText(svg, options));
      return actions.done('SVG copied', title);
    case 'svg':
      return report(await actions.save('svg', name, svgText(svg, options)), actions);
    case 'copy-png':
      await actions.copyPicture(await base64Of(await pngBlob(svg, options)));
      return actions.done('Picture copied', title);
    case 'png':
      return report(await actions.save('png', name, await base64Of(await pngBlob(svg, options))), actions);
  }
}

function report(path: string | null, actions: ChartActions): void {
  if (path !== null) actions.done('Chart saved', path);
}
