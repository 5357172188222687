export { DistributionView } from './distribution-view.js';
