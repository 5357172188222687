export { StatusBar } from './status-bar.js';
