/** The component kit: Radix primitives and Tailwind behind our own small components. */
export * from './bits-color.js';
export * from './button.js';
export * from './card.js';
export * from './chip.js';
export * from './cut-text.js';
export * from './data-table.js';
export * from './dialog.js';
export * from './feedback.js';
export * from './format.js';
export * from './inputs.js';
export * from './kbd.js';
export * from './menu.js';
export * from './scroll-area.js';
export * from './segmented-control.js';
export * from './select.js';
export * from './tabs.js';
export * from './tooltip.js';
