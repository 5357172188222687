import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shareUnchanged } from './share-unchanged.js';

const copyOf = <T>(value: T): T => structuredClone(value);

describe('sharing what did not change', () => {
  it('is the value before when nothing changed, and always equal to the new one (property)', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (before, after) => {
        expect(shareUnchanged(before, copyOf(before))).toBe(before);
        expect(shareUnchanged(before, after)).toEqual(after);
      }),
    );
  });

  it('takes "__proto__" for a key as any other', () => {
    const before = JSON.parse('{"a": 1}');
    const after = JSON.parse('{"a": 2, "__proto__": {"b": []}}');
    const shared = shareUnchanged(before, after);
    expect(JSON.stringify(shared)).toBe(JSON.stringify(after));
    expect(Object.getPrototypeOf(shared)).toBe(Object.prototype);
    expect(JSON.stringify(shareUnchanged(shared, JSON.parse('{"a": 2}')))).toBe('{"a":2}');
  });

  it('keeps the parts beside a change', () => {
    const before = { layers: [{ name: 'a' }, { name: 'b', state: 'float' }], view: { tab: 'error' } };
    const after = shareUnchanged(before, {
      layers: [{ name: 'a' }, { name: 'b', state: 'prepared' }],
      view: { tab: 'error' },
    });
    expect(after.view).toBe(before.view);
    expect(after.layers[0]).toBe(before.layers[0]);
    expect(after.layers[1]).toEqual({ name: 'b', state: 'prepared' });
  });

  it('notices a list that became shorter, a key that went, and undefined for a missing key', () => {
    expect(shareUnchanged([1, 2], [1])).toEqual([1]);
    expect(shareUnchanged({ a: 1, b: 2 }, { a: 1 })).toEqual({ a: 1 });
    expect(Object.keys(shareUnchanged<object>({ b: 1 }, { a: undefined }))).toEqual(['a']);
    expect(shareUnchanged<unknown>([], {})).toEqual({});
  });
});
