export * from './library-store.js';
export * from './project-document.js';
export * from './project-store.js';
export * from './recent-store.js';
export * from './run-store.js';
export * from './series.js';
export * from './settings-store.js';
