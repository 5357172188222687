import { describe, expect, it } from 'vitest';
import {
  alongLine,
  besideLine,
  clearestPlace,
  type LabelledPoint,
  labelBox,
  overlap,
  placeLabels,
} from './labels.js';

const inside = { left: 0, top: 0, right: 260, bottom: 120 };

/** Three groups of three points each, as runs of equal size lie. */
const crowded: LabelledPoint[] = [20, 50, 200].flatMap((x, group) =>
  [0, 1, 2].map((seed) => ({
    id: `${group}-${seed}`,
    x,
    y: 30 + seed * 7,
    text: `W${group}A4 seed ${seed}`,
    first: group === 2,
    radius: 4,
  })),
);

describe('placeLabels', () => {
  it('puts a lone text right above its point', () => {
    const [label] = placeLabels([{ id: 'a', x: 40, y: 60, text: 'W4A4', radius: 4 }], { inside });
    expect(label).toMatchObject({ id: 'a', anchor: 'start' });
    expect(label?.x).toBeGreaterThan(40);
    expect(label?.y).toBeLessThan(60);
  });

  it('turns a text inwards at the right edge', () => {
    const [label] = placeLabels([{ id: 'a', x: 250, y: 60, text: 'W4A4 seed 1', radius: 4 }], { inside });
    expect(label?.anchor).toBe('end');
  });

  it('covers neither another text, nor a point, nor an obstacle, nor leaves the drawing', () => {
    const obstacle = { left: 0, top: 70, right: 90, bottom: 84 };
    const labels = placeLabels(crowded, { inside, obstacles: [obstacle] });
    expect(labels.length).toBeGreaterThan(2);
    const boxes = labels.map(labelBox);
    boxes.forEach((box, index) => {
      expect(box.left).toBeGreaterThanOrEqual(inside.left);
      expect(box.right).toBeLessThanOrEqual(inside.right);
      expect(overlap(box, obstacle)).toBe(false);
      for (const other of boxes.slice(index + 1)) expect(overlap(box, other)).toBe(false);
      for (const point of crowded.filter(({ id }) => id !== labels[index]?.id)) {
        const marker = { left: point.x - 4, right: point.x + 4, top: point.y - 4, bottom: point.y + 4 };
        expect(overlap(box, marker)).toBe(false);
      }
    });
  });

  it('gives the room to those that come first', () => {
    const same = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k'].map((id) => ({
      id,
      x: 30,
      y: 60,
      text: 'W4A4',
      first: id === 'k',
      radius: 0,
    }));
    const narrow = { left: 0, top: 52, right: 80, bottom: 68 };
    expect(placeLabels(same, { inside: narrow }).map(({ id }) => id)).toEqual(['k']);
  });
});

describe('clearestPlace', () => {
  const plot = { x: 40, y: 18, width: 200, height: 90 };
  const room = { left: 40, top: 0, right: 252, bottom: 108 };
  const float = (paths: { x: number; y: number }[][], taken = [] as ReturnType<typeof labelBox>[]) =>
    clearestPlace(alongLine('float 88.76 %', 40, plot), { inside: room, paths, taken });

  it('takes the first place where nothing is in the way', () => {
    expect(float([])).toEqual({ text: 'float 88.76 %', x: 44, y: 35, anchor: 'start' });
  });

  it('stands where no curve crosses it, though the curve has no point there', () => {
    const above = [
      { x: 40, y: 30 },
      { x: 240, y: 30 },
    ];
    expect(float([above])?.y).toBeGreaterThan(40);
    const risingAtTheEnd = [
      { x: 40, y: 100 },
      { x: 160, y: 60 },
      { x: 240, y: 20 },
    ];
    expect(float([risingAtTheEnd])).toMatchObject({ x: 44, y: 35 });
    const fallingAtTheStart = risingAtTheEnd.map((point) => ({ x: 280 - point.x, y: point.y })).reverse();
    expect(float([fallingAtTheStart])).toMatchObject({ anchor: 'end', y: 35 });
  });

  it('covers no other text, and is left out where there is no room', () => {
    const first = float([]);
    if (!first) throw new Error('no place');
    expect(float([], [labelBox(first)])).not.toEqual(first);
    const narrow = { ...room, right: 80 };
    expect(
      clearestPlace(besideLine('batch norm frozen', 60, plot), { inside: narrow, paths: [] }),
    ).toBeNull();
  });
});
