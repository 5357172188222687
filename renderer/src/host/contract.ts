/** The contract as the renderer sees it. Import its values from here: zod is made CSP-safe first. */
import './zod-without-eval.js';

export * from '../../../electron/contract/index.js';
