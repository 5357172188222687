/** Names of the series with a piece of their line, so that colour is not needed to tell them apart. */
import { Swatch } from './plot-surface.js';

export interface LegendItem {
  id: string;
  label: string;
  color: string;
  dash?: string | undefined;
}

export function Legend({ items }: { items: readonly LegendItem[] }) {
  return (
    <ul className="mb-1 flex flex-wrap gap-x-4 gap-y-0.5 text-xs text-ink2" aria-label="Legend">
      {items.map((item) => (
        <li key={item.id} className="flex min-w-0 items-center gap-1.5">
          <Swatch color={item.color} dash={item.dash} />
          <span className="truncate">{item.label}</span>
        </li>
      ))}
    </ul>
  );
}
