import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, type MouseEvent, useCallback, useEffect, useId, useMemo, useRef } from 'react';
import type { LayerInfo } from '../../host/contract.js';
import { selectLayers, useConfiguration, useSelection, useSituation } from '../../host/index.js';
import { ContextMenu } from '../../ui/index.js';
import { layerMenu } from './layer-menu.js';
import { LayerRow, rowHeight } from './layer-row.js';
import { afterClick, afterKey, type ListSelection } from './list-selection.js';
import { wantThumbnails } from './thumbnails.js';

const isMac = navigator.platform.startsWith('Mac');

function apply(selection: ListSelection): void {
  selectLayers(selection.layers, selection.primary ?? undefined, selection.anchor ?? undefined);
}

const modifiersOf = (event: MouseEvent | KeyboardEvent) => ({
  shift: event.shiftKey,
  toggle: isMac ? event.metaKey : event.ctrlKey,
});

function selectUnlessSelected(name: string): void {
  if (!useSelection.getState().layers.includes(name)) selectLayers([name]);
}

/** The layers that pass the filter; one listbox with the focus, its rows drawn as they come into sight. */
export function LayerList({ layers, sharedStart }: { layers: readonly LayerInfo[]; sharedStart: string }) {
  const scroller = useRef<HTMLDivElement>(null);
  const listId = useId();
  const selected = useSelection((state) => state.layers);
  const primary = useSelection((state) => state.primary);
  const configuration = useConfiguration((state) => state.configuration);
  const situation = useSituation();
  // By hand: the compiler leaves a component with a virtualizer as it is, and the rows are memoized on these.
  const chosen = useMemo(() => new Set(selected), [selected]);
  const names = useMemo(() => layers.map((layer) => layer.name), [layers]);
  const activeIndex = primary === null ? -1 : names.indexOf(primary);

  const virtualizer = useVirtualizer({
    count: layers.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 6,
    initialRect: { width: 264, height: 640 },
  });
  const rows = virtualizer.getVirtualItems();

  // Follow the keyboard, the palette and `[` `]`, wherever the change came from.
  useEffect(() => {
    if (activeIndex >= 0) virtualizer.scrollToIndex(activeIndex, { align: 'auto' });
  }, [activeIndex, virtualizer]);

  const inSight = rows.map((row) => names[row.index] ?? '').join('\n');
  useEffect(() => {
    if (inSight) wantThumbnails(inSight.split('\n').filter(Boolean));
  }, [inSight]);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.altKey) return;
    const next = afterKey(useSelection.getState(), names, event.key, modifiersOf(event));
    if (!next) return;
    event.preventDefault();
    apply(next);
  };
  const click = useCallback(
    (name: string, event: MouseEvent) => {
      apply(afterClick(useSelection.getState(), names, name, modifiersOf(event)));
    },
    [names],
  );
  return (
    <ContextMenu entries={layerMenu(situation)}>
      <div ref={scroller} className="@container/list min-h-0 flex-1 overflow-y-auto">
        <div
          role="listbox"
          aria-label="Layers"
          aria-multiselectable
          aria-activedescendant={activeIndex >= 0 ? `${listId}-${activeIndex}` : undefined}
          tabIndex={0}
          data-panel-focus
          data-shortcuts="layers"
          onKeyDown={onKeyDown}
          className="group/list relative w-full outline-none"
          style={{ height: virtualizer.getTotalSize() }}
        >
          {rows.map((row) => {
            const layer = layers[row.index];
            if (!layer) return null;
            return (
              <LayerRow
                key={layer.name}
                id={`${listId}-${row.index}`}
                layer={layer}
                config={configuration[layer.name]}
                sharedStart={sharedStart}
                selected={chosen.has(layer.name)}
                active={row.index === activeIndex}
                position={row.index + 1}
                count={layers.length}
                top={row.start}
                onClick={click}
                onContextMenu={selectUnlessSelected}
              />
            );
          })}
        </div>
      </div>
    </ContextMenu>
  );
}
