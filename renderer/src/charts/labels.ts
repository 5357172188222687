/** Where texts beside points stand, so that none covers another text or a point. */

export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface LabelledPoint {
  id: string;
  x: number;
  y: number;
  text: string;
  /** Placed before the others, so that it keeps its label when there is no room for all. */
  first?: boolean | undefined;
  /** Half the size of its marker. */
  radius: number;
}

export interface PlacedLabel {
  id: string;
  text: string;
  /** Where the text begins, or ends when the anchor is `end`; baseline of the text. */
  x: number;
  y: number;
  anchor: 'start' | 'middle' | 'end';
}

const characterPx = 6.7;
const ascentPx = 9;
const descentPx = 3;
/** Between a marker and its text. */
const gapPx = 5;

type Side = 'right' | 'left' | 'above' | 'below' | 'rightAbove' | 'leftAbove' | 'rightBelow' | 'leftBelow';

const afloat: readonly Side[] = [
  'rightAbove',
  'right',
  'rightBelow',
  'leftAbove',
  'left',
  'leftBelow',
  'above',
  'below',
];
/** A rising line passes left below and right above its points. */
const onRisingLine: readonly Side[] = ['rightBelow', 'leftAbove', 'below', 'above', 'right', 'left'];

function placed({ id, x, y, text, radius }: LabelledPoint, side: Side): PlacedLabel {
  const anchor = side.startsWith('right') ? 'start' : side.startsWith('left') ? 'end' : 'middle';
  const dx = anchor === 'start' ? radius + gapPx : anchor === 'end' ? -radius - gapPx : 0;
  const upper = side.endsWith('bove');
  const lower = side.endsWith('elow');
  const far = anchor === 'middle' ? 3 : 0;
  const dy = upper ? -5 - far : lower ? ascentPx + 5 + far : ascentPx / 2 - 1;
  return { id, text, x: x + dx, y: y + dy, anchor };
}

/** The pixels a text covers. */
export function labelBox({ text, x, y, anchor }: Omit<PlacedLabel, 'id'>): Box {
  const width = text.length * characterPx;
  const left = anchor === 'start' ? x : anchor === 'end' ? x - width : x - width / 2;
  return { left, top: y - ascentPx, right: left + width, bottom: y + descentPx };
}

export function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

export interface PlaceOptions {
  /** No text leaves it. */
  inside: Box;
  /** What else must not be covered. */
  obstacles?: readonly Box[];
  /** The points are joined by a rising line. */
  joined?: boolean;
}

/** A place for as many texts as have one; the others are left to the read-out. */
export function placeLabels(points: readonly LabelledPoint[], options: PlaceOptions): PlacedLabel[] {
  const { inside, joined = false } = options;
  const markers = points.map(({ id, x, y, radius }) => ({
    id,
    box: { left: x - radius, top: y - radius, right: x + radius, bottom: y + radius },
  }));
  const taken: Box[] = [...(options.obstacles ?? [])];
  const labels: PlacedLabel[] = [];
  const byRank = [...points].sort((a, b) => Number(b.first ?? false) - Number(a.first ?? false));
  for (const point of byRank) {
    for (const side of joined ? onRisingLine : afloat) {
      const label = placed(point, side);
      const box = labelBox(label);
      const fits =
        box.left >= inside.left &&
        box.right <= inside.right &&
        box.top >= inside.top &&
        box.bottom <= inside.bottom;
      if (!fits || taken.some((other) => overlap(box, other))) continue;
      if (markers.some((marker) => marker.id !== point.id && overlap(box, marker.box))) continue;
      taken.push(box);
      labels.push(label);
      break;
    }
  }
  return labels;
}
