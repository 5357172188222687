export { QuantizerPanel } from './quantizer-panel.js';
