export { TrainingView } from './training-view.js';
