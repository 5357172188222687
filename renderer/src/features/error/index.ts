export { ErrorView } from './error-view.js';
