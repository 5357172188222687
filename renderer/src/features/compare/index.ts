export { CompareView } from './compare-view.js';
