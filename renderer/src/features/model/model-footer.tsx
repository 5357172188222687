import { storedSizes } from '../../host/contract.js';
import { useConfiguration, useProject } from '../../host/index.js';
import { formatBytes, formatCount, KeyValue } from '../../ui/index.js';

/** Weights and sizes of the whole model, and how far its layers have come. */
export function ModelFooter() {
  const model = useProject((state) => state.project?.model);
  const configuration = useConfiguration((state) => state.configuration);
  if (!model) return null;
  const sizes = storedSizes(model.layers, configuration);
  const quantized = model.layers.filter((layer) => layer.state === 'quantized').length;
  return (
    <footer className="border-t border-line px-3 py-2.5">
      <KeyValue
        items={[
          {
            key: 'Weights',
            value: formatCount(sizes.weights),
            title: `In layers; the file has ${formatCount(model.parameterCount)} parameters`,
          },
          {
            key: 'Float → now',
            value: `${formatBytes(sizes.floatBytes)} → ${formatBytes(sizes.packedBytes)}`,
            title: 'Bytes of the weights as float and as set now, with scales, zero points and padding',
          },
          {
            key: 'Bits / weight',
            value: sizes.weights > 0 ? ((sizes.packedBytes * 8) / sizes.weights).toFixed(2) : '—',
          },
          { key: 'Quantized', value: `${quantized} of ${model.layers.length}` },
        ]}
      />
    </footer>
  );
}
