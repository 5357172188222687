/** What the footer of the layer list adds up: counts and bytes as the engine and the formats give them. */
import type { ProjectState } from '../../host/contract.js';

export interface ModelTotals {
  layers: number;
  weights: number;
  floatBytes: number;
  layersQuantized: number;
}

const bytesPerFloat = 4;

export function modelTotals(project: ProjectState): ModelTotals {
  const { layers } = project.model;
  const weights = layers.reduce((sum, layer) => sum + layer.rows * layer.cols, 0);
  return {
    layers: layers.length,
    weights,
    floatBytes: weights * bytesPerFloat,
    layersQuantized: layers.filter((layer) => layer.state === 'quantized').length,
  };
}
