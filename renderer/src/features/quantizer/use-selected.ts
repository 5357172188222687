import type { LayerConfig, LayerInfo } from '../../host/contract.js';
import { useConfiguration, useProject, useSelection } from '../../host/index.js';

export interface SelectedLayers {
  layers: LayerInfo[];
  configs: LayerConfig[];
  /** The layer whose figures are shown. */
  primary: LayerInfo | null;
  primaryConfig: LayerConfig | null;
}

/** The selected layers with their configurations. */
export function useSelectedLayers(): SelectedLayers {
  const names = useSelection((state) => state.layers);
  const primaryName = useSelection((state) => state.primary);
  const all = useProject((state) => state.project?.model.layers);
  const configuration = useConfiguration((state) => state.configuration);
  const wanted = new Set(names);
  const layers = (all ?? []).filter((layer) => wanted.has(layer.name) && configuration[layer.name]);
  const primary = layers.find((layer) => layer.name === primaryName) ?? layers[0] ?? null;
  return {
    layers,
    configs: layers.flatMap((layer) => configuration[layer.name] ?? []),
    primary,
    primaryConfig: primary ? (configuration[primary.name] ?? null) : null,
  };
}
