/** The window's side of the main process: requests, events, and the state mirrored from them. */
export * from './actions.js';
export * from './analysis.js';
export * from './app-store.js';
export { pathOfFile, request } from './client.js';
export * from './configuration-store.js';
export * from './decimate.js';
export * from './events.js';
export * from './host-error.js';
export * from './jobs-store.js';
export * from './latest-request.js';
export * from './layer-edits.js';
export * from './notices.js';
export * from './project-store.js';
export * from './runs-store.js';
export * from './selection-store.js';
export * from './training-store.js';
