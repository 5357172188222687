/**
 * The one table of everything a quantizer can be composed of: adding a part is a row here and one native file
 * (docs/architecture.md). Schemas, controls, documentation and tests are derived from it.
 */
export * from './granularities.js';
export * from './grids.js';
export * from './inputs.js';
export * from './layer-kinds.js';
export * from './methods.js';
export * from './part.js';
export * from './ranges.js';
export * from './recipes.js';
export * from './roundings.js';
export * from './transforms.js';
