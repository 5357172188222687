/** Marker shapes as path data, so that hundreds of points are one element. */
import type { MarkerShape } from './theme.js';

/** A tenth of a pixel is all that shows. */
export function round(pixel: number): number {
  return Math.round(pixel * 10) / 10;
}

export function circle(x: number, y: number, radius: number): string {
  const r = radius;
  return `M${round(x - r)} ${round(y)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;
}

/** A closed path of `shape` around (x, y); `radius` is half its width. */
export function markerPath(shape: MarkerShape, x: number, y: number, radius: number): string {
  const r = radius;
  const at = (dx: number, dy: number) => `${round(x + dx)} ${round(y + dy)}`;
  switch (shape) {
    case 'square':
      return `M${at(-r * 0.9, -r * 0.9)}L${at(r * 0.9, -r * 0.9)}L${at(r * 0.9, r * 0.9)}L${at(-r * 0.9, r * 0.9)}Z`;
    case 'triangle':
      return `M${at(0, -r * 1.15)}L${at(r * 1.1, r * 0.85)}L${at(-r * 1.1, r * 0.85)}Z`;
    case 'diamond':
      return `M${at(0, -r * 1.25)}L${at(r * 1.25, 0)}L${at(0, r * 1.25)}L${at(-r * 1.25, 0)}Z`;
    case 'cross': {
      const w = r * 0.38;
      const corners: [number, number][] = [
        [-w, -r],
        [w, -r],
        [w, -w],
        [r, -w],
        [r, w],
        [w, w],
        [w, r],
        [-w, r],
        [-w, w],
        [-r, w],
        [-r, -w],
        [-w, -w],
      ];
      return `M${corners.map(([dx, dy]) => at(dx, dy)).join('L')}Z`;
    }
    case 'ring':
      return `${circle(x, y, r)}${circle(x, y, r * 0.5)}`;
    default:
      return circle(x, y, r);
  }
}
