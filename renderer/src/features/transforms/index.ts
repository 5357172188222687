export * from './allocate-dialog.js';
export * from './transform-dialog.js';
