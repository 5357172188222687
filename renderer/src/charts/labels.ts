/** Where texts beside points and lines stand, so that none covers another text or a point. */
import type { PlotBox } from './geometry.js';

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

export interface Place {
  text: string;
  /** Where the text begins, or ends when the anchor is `end`; baseline of the text. */
  x: number;
  y: number;
  anchor: 'start' | 'middle' | 'end';
}

export interface PlacedLabel extends Place {
  id: string;
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
export function labelBox({ text, x, y, anchor }: Place): Box {
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

export interface Pixel {
  x: number;
  y: number;
}

/** Where the text of a horizontal line can stand: above and below it, at its ends and in its middle. */
export function alongLine(text: string, y: number, plot: PlotBox): Place[] {
  const right = plot.x + plot.width;
  return [y - 5, y + ascentPx + 5].flatMap((baseline): Place[] => [
    { text, x: plot.x + 4, y: baseline, anchor: 'start' },
    { text, x: right - 4, y: baseline, anchor: 'end' },
    { text, x: plot.x + plot.width / 2, y: baseline, anchor: 'middle' },
  ]);
}

/** Where the text of a vertical line can stand: behind it, at its top and at its foot, else before it. */
export function besideLine(text: string, x: number, plot: PlotBox): Place[] {
  const [top, bottom] = [plot.y + ascentPx + 1, plot.y + plot.height - 5];
  const row = ascentPx + descentPx + 1;
  const rows = [top, top + row, top + 2 * row, bottom, bottom - row];
  return [
    ...rows.map((y): Place => ({ text, x: x + 4, y, anchor: 'start' })),
    ...rows.map((y): Place => ({ text, x: x - 4, y, anchor: 'end' })),
  ];
}

export interface Around {
  /** No text leaves it. */
  inside: Box;
  /** Lines as drawn; one point alone is a marker. */
  paths: readonly (readonly Pixel[])[];
  /** What must not be covered. */
  taken?: readonly Box[];
  /** A text that covers more pixels of the lines than this is better left out. */
  mostPx?: number;
}

/** Between a text and a line that does not cross it. */
const airPx = 4.5;
/** So much of a line is put up with behind a text rather than taking the next place. */
const preferencePx = 2;

/** The place where the least of the lines lies behind the text, earlier places preferred; null: there is none. */
export function clearestPlace(places: readonly Place[], around: Around): Place | null {
  const { inside, paths, taken = [], mostPx = Number.POSITIVE_INFINITY } = around;
  let best: Place | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const [index, place] of places.entries()) {
    const box = labelBox(place);
    const leaves =
      box.left < inside.left ||
      box.right > inside.right ||
      box.top < inside.top ||
      box.bottom > inside.bottom;
    if (leaves || taken.some((other) => overlap(box, other))) continue;
    const covered = paths.reduce((sum, path) => sum + pixelsInside(path, grown(box)), 0);
    const cost = covered + index * preferencePx;
    if (covered > mostPx || cost >= least) continue;
    least = cost;
    best = place;
  }
  return best;
}

const grown = ({ left, top, right, bottom }: Box): Box => ({
  left: left - airPx,
  top: top - airPx,
  right: right + airPx,
  bottom: bottom + airPx,
});

/** Length of a line inside a box; a marker counts as one pixel. */
function pixelsInside(path: readonly Pixel[], box: Box): number {
  const [only] = path;
  if (path.length === 1 && only) return segmentInside(only, only, box) === null ? 0 : 1;
  let sum = 0;
  for (let index = 1; index < path.length; index += 1) {
    const [from, to] = [path[index - 1], path[index]];
    if (from && to) sum += (segmentInside(from, to, box) ?? 0) * Math.hypot(to.x - from.x, to.y - from.y);
  }
  return sum;
}

/** The share of a segment inside a box (Liang and Barsky's clipping); null when it misses. */
function segmentInside(from: Pixel, to: Pixel, box: Box): number | null {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  let [enter, leave] = [0, 1];
  for (const [step, room] of [
    [-dx, from.x - box.left],
    [dx, box.right - from.x],
    [-dy, from.y - box.top],
    [dy, box.bottom - from.y],
  ] as const) {
    if (step === 0 && room < 0) return null;
    if (step < 0) enter = Math.max(enter, room / step);
    if (step > 0) leave = Math.min(leave, room / step);
  }
  return leave >= enter ? leave - enter : null;
}
