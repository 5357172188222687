import { SearchX } from 'lucide-react';
import { useState } from 'react';
import { useProject } from '../../host/index.js';
import { Button, EmptyState, formatCount, plural, SearchField } from '../../ui/index.js';
import { layerFilter } from './filter.js';
import { LayerList } from './layer-list.js';
import { ModelFooter } from './model-footer.js';
import { sharedStart } from './shared-start.js';

/** The model's layers: filter, list and totals. */
export function LayerPanel() {
  const model = useProject((state) => state.project?.model);
  const [filter, setFilter] = useState('');
  const layers = model?.layers;
  const passes = layerFilter(filter);
  const shown = (layers ?? []).filter((layer) => passes(layer.name));
  if (!layers) return null;
  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="px-2.5 pt-2.5 pb-1.5">
        <SearchField
          label="Filter layers"
          placeholder="Filter layers… (name or fc*)"
          value={filter}
          onChange={setFilter}
          onKeyDown={(event) => {
            if (event.key !== 'Escape' || !filter) return;
            event.stopPropagation();
            setFilter('');
          }}
        />
        <p className="mt-1.5 px-0.5 text-xs text-ink3" role="status">
          {shown.length === layers.length
            ? plural(layers.length, 'layer')
            : `${formatCount(shown.length)} of ${plural(layers.length, 'layer')}`}
        </p>
      </div>
      {shown.length > 0 ? (
        <LayerList layers={shown} sharedStart={sharedStart(layers.map((layer) => layer.name))} />
      ) : (
        <EmptyState
          icon={<SearchX />}
          title={layers.length === 0 ? 'No layers to quantize' : 'No layer is called that'}
          actions={
            filter ? (
              <Button size="sm" onClick={() => setFilter('')}>
                Clear the filter
              </Button>
            ) : undefined
          }
        >
          {layers.length === 0
            ? 'This file has no weight of rank two or more. Biases and norms stay float.'
            : 'A part of the name finds it; * and ? stand for anything, as in conv*.weight.'}
        </EmptyState>
      )}
      <ModelFooter />
    </div>
  );
}
