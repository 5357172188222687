export * from './file-errors.js';
export * from './safetensors-header.js';
export * from './safetensors-reader.js';
export * from './safetensors-types.js';
