/** What several views draw of runs. */
export * from './run-curves.js';
export * from './run-marks.js';
export * from './run-style.js';
