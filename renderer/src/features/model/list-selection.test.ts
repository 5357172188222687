import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { afterClick, afterKey, type ListSelection } from './list-selection.js';

const visible = ['a', 'b', 'c', 'd', 'e'];
const none = { shift: false, toggle: false };
const shift = { shift: true, toggle: false };
const toggle = { shift: false, toggle: true };
const at = (name: string): ListSelection => ({ layers: [name], primary: name, anchor: name });

describe('selection by mouse', () => {
  it('a click selects one', () => {
    expect(afterClick(at('a'), visible, 'c', none)).toEqual(at('c'));
  });

  it('Shift selects from the anchor, again and again from the same', () => {
    const first = afterClick(at('b'), visible, 'd', shift);
    expect(first.layers).toEqual(['b', 'c', 'd']);
    expect(afterClick(first, visible, 'a', shift).layers).toEqual(['a', 'b']);
  });

  it('Ctrl adds and removes, and the primary moves on when it is removed', () => {
    const two = afterClick(at('a'), visible, 'c', toggle);
    expect(two).toEqual({ layers: ['a', 'c'], primary: 'c', anchor: 'c' });
    expect(afterClick(two, visible, 'c', toggle)).toMatchObject({ layers: ['a'], primary: 'a' });
    expect(afterClick(at('a'), visible, 'a', toggle)).toMatchObject({ layers: [], primary: null });
  });

  it('Ctrl+Shift adds a block to what is selected', () => {
    const two = afterClick(at('a'), visible, 'c', toggle);
    const three = afterClick(two, visible, 'e', { shift: true, toggle: true });
    expect(three.layers).toEqual(['a', 'c', 'd', 'e']);
  });

  it('selects one when the anchor is filtered away', () => {
    expect(afterClick(at('z'), visible, 'c', shift).layers).toEqual(['c']);
  });
});

describe('selection by keyboard', () => {
  it('arrows move and stop at the ends', () => {
    expect(afterKey(at('b'), visible, 'ArrowDown', none)).toEqual(at('c'));
    expect(afterKey(at('e'), visible, 'ArrowDown', none)).toEqual(at('e'));
    expect(afterKey(at('a'), visible, 'End', none)).toEqual(at('e'));
    expect(afterKey(at('d'), visible, 'PageUp', none)).toEqual(at('a'));
  });

  it('starts at the first row when nothing is selected', () => {
    expect(afterKey({ layers: [], primary: null, anchor: null }, visible, 'ArrowDown', none)).toEqual(
      at('a'),
    );
  });

  it('Shift extends and shrinks from the anchor', () => {
    const two = afterKey(at('b'), visible, 'ArrowDown', shift);
    expect(two?.layers).toEqual(['b', 'c']);
    expect(two && afterKey(two, visible, 'ArrowUp', shift)?.layers).toEqual(['b']);
    expect(afterKey(at('b'), visible, 'End', shift)?.layers).toEqual(['b', 'c', 'd', 'e']);
  });

  it('Ctrl+A selects what is visible and Space toggles', () => {
    expect(afterKey(at('b'), visible, 'a', toggle)?.layers).toEqual(visible);
    expect(afterKey(at('b'), visible, ' ', none)?.layers).toEqual([]);
  });

  it('leaves other keys alone', () => {
    expect(afterKey(at('b'), visible, 'x', none)).toBeNull();
    expect(afterKey(at('b'), [], 'ArrowDown', none)).toBeNull();
  });

  it('never selects what is not visible, and the primary is selected or nothing is (property)', () => {
    const key = fc.constantFrom('ArrowDown', 'ArrowUp', 'Home', 'End', 'PageDown', ' ', 'a');
    const step = fc.record({ key, shift: fc.boolean(), toggle: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let state: ListSelection = at('a');
        for (const { key: pressed, ...modifiers } of steps) {
          state = afterKey(state, visible, pressed, modifiers) ?? state;
          expect(state.layers.every((name) => visible.includes(name))).toBe(true);
          expect(new Set(state.layers).size).toBe(state.layers.length);
          if (state.layers.length > 0) expect(state.primary).not.toBeNull();
        }
      }),
    );
  });
});
