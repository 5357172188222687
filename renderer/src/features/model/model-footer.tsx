import { useProject } from '../../host/index.js';
import { formatBytes, formatCount, KeyValue } from '../../ui/index.js';
import { modelTotals } from './totals.js';

/** Weights and sizes of the whole model. */
export function ModelFooter() {
  const project = useProject((state) => state.project);
  if (!project) return null;
  const totals = modelTotals(project);
  return (
    <footer className="border-t border-line px-3 py-2.5">
      <KeyValue
        items={[
          {
            key: 'Weights',
            value: formatCount(totals.weights),
            title: `In ${totals.layers} layers; the file has ${formatCount(project.model.parameterCount)} parameters`,
          },
          { key: 'Float size', value: formatBytes(totals.floatBytes) },
          { key: 'Quantized', value: `${totals.layersQuantized} of ${totals.layers}` },
        ]}
      />
    </footer>
  );
}
