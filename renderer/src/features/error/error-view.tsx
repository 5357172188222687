/** How far the quantized weight is from the float one: by bits, by value, by code, by output channel. */
import { Sigma } from 'lucide-react';
import { ChartActionsProvider } from '../../charts/index.js';
import { chartHost, useLayerFigures } from '../../host/index.js';
import { EmptyState, ErrorState, ScrollArea } from '../../ui/index.js';
import { CodeUse } from './code-use.js';
import { ErrorByBits } from './error-by-bits.js';
import { ErrorProfile } from './error-profile.js';
import { FiguresTable } from './figures-table.js';
import { RowErrors } from './row-errors.js';

export function ErrorView() {
  const figures = useLayerFigures(null);
  const { pair, error, lens } = figures;
  if (!lens.layer) {
    return (
      <EmptyState icon={<Sigma />} title="No layer selected">
        Pick a layer in the list on the left to see how much each bit-width costs it.
      </EmptyState>
    );
  }
  if (error) return <ErrorState error={error} onRetry={figures.retry} />;
  if (!pair) return <div aria-busy className="flex-1" />;
  const props = { pair, busy: figures.busy };
  return (
    <ChartActionsProvider value={chartHost}>
      <ScrollArea className="@container flex flex-1 flex-col px-3.5 py-2.5">
        <div className="grid flex-1 grid-cols-2 grid-rows-[max-content_minmax(184px,1fr)_minmax(184px,1fr)] gap-2.5 @max-[36rem]:auto-rows-[200px] @max-[36rem]:grid-cols-1 @max-[36rem]:grid-rows-[max-content]">
          <FiguresTable {...props} />
          <ErrorByBits {...props} />
          <CodeUse {...props} />
          <ErrorProfile {...props} />
          <RowErrors {...props} />
        </div>
      </ScrollArea>
    </ChartActionsProvider>
  );
}
