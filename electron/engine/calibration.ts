/** The inputs of a layer that rounding and layer training look at, from where the user chose. */
import type { NativeAddon } from '../../native/index.js';
import { type Calibration, inputWidth } from '../contract/index.js';
import { captureInputs, captureSource } from './captured-inputs.js';
import { drawInputs } from './drawn-inputs.js';
import { checkInputsHeader, readInputs } from './file-inputs.js';
import { type LayerInputs, refuseTooMany } from './layer-inputs.js';
import type { ModelLayer } from './model.js';
import type { OpenProject } from './open-project.js';

/** @throws E-REQUEST-INVALID, E-TRAINING-UNAVAILABLE, E-DATASET-MISMATCH, E-FILE-*, E-SAFETENSORS-*, E-CANCELLED */
export async function layerInputs(
  addon: NativeAddon,
  project: OpenProject,
  layer: ModelLayer,
  calibration: Calibration,
  signal?: AbortSignal,
): Promise<LayerInputs> {
  switch (calibration.kind) {
    case 'captured':
      return captureInputs(addon, project, layer, calibration.images, signal);
    case 'drawn':
      return drawInputs(layer, calibration, signal);
    case 'file':
      return readInputs(layer, calibration.path, signal);
  }
}

/** All that can be refused before the first of several layers is worked on; only a file is waited for. @throws as `layerInputs` */
export function checkCalibration(
  project: OpenProject,
  layers: readonly ModelLayer[],
  calibration: Calibration,
  signal?: AbortSignal,
): Promise<unknown> | undefined {
  switch (calibration.kind) {
    case 'captured':
      for (const layer of layers) captureSource(project, layer, calibration.images);
      return undefined;
    case 'drawn':
      for (const layer of layers) refuseTooMany(calibration.samples, inputWidth(layer));
      return undefined;
    case 'file':
      return checkInputsHeader(calibration.path, layers, signal);
  }
}
