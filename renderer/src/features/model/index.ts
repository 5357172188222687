export { LayerPanel } from './layer-panel.js';
