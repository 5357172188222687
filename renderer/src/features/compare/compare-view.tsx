/** Runs side by side, or the bit-widths of a layer side by side. */
import { ChartActionsProvider } from '../../charts/index.js';
import { chartHost } from '../../host/index.js';
import { ScrollArea, SegmentedControl } from '../../ui/index.js';
import { BitsCompare } from './bits-compare.js';
import { useCompare } from './compare-store.js';
import { RunsCompare } from './runs-compare.js';

const modes = [
  { value: 'runs', label: 'runs' },
  { value: 'bits', label: 'bit-widths' },
] as const;

export function CompareView() {
  const mode = useCompare((state) => state.mode);
  const bar = (
    <SegmentedControl
      label="What to compare"
      value={mode}
      segments={modes}
      onChange={(next) => useCompare.setState({ mode: next })}
      className="w-44 shrink-0"
    />
  );
  return (
    <ChartActionsProvider value={chartHost}>
      <ScrollArea className="@container flex flex-1 flex-col gap-2.5 px-3.5 py-2.5">
        {mode === 'runs' ? <RunsCompare bar={bar} /> : <BitsCompare bar={bar} />}
      </ScrollArea>
    </ChartActionsProvider>
  );
}
