/** How clicks and keys change the selection of the layer list; no state of its own. */

export interface ListSelection {
  /** Selected names. */
  layers: readonly string[];
  /** The row the keyboard is on. */
  primary: string | null;
  /** Where a Shift selection starts. */
  anchor: string | null;
}

export interface Modifiers {
  shift: boolean;
  /** Ctrl, or Command on macOS. */
  toggle: boolean;
}

function range(visible: readonly string[], from: string | null, to: string): string[] {
  const end = visible.indexOf(to);
  const start = from === null ? -1 : visible.indexOf(from);
  if (start < 0) return [to];
  return visible.slice(Math.min(start, end), Math.max(start, end) + 1);
}

/** A click on `name` in the list that shows `visible`. */
export function afterClick(
  before: ListSelection,
  visible: readonly string[],
  name: string,
  { shift, toggle }: Modifiers,
): ListSelection {
  if (shift) {
    const block = range(visible, before.anchor, name);
    const layers = toggle ? [...new Set([...before.layers, ...block])] : block;
    return { layers, primary: name, anchor: before.anchor ?? name };
  }
  if (!toggle) return { layers: [name], primary: name, anchor: name };
  if (!before.layers.includes(name)) {
    return { layers: [...before.layers, name], primary: name, anchor: name };
  }
  const layers = before.layers.filter((other) => other !== name);
  const primary = before.primary === name ? (layers[layers.length - 1] ?? null) : before.primary;
  return { layers, primary, anchor: name };
}

/** Rows a key moves by; Infinity = to the end. */
const moves: Record<string, number> = {
  ArrowDown: 1,
  ArrowUp: -1,
  PageDown: 10,
  PageUp: -10,
  End: Number.POSITIVE_INFINITY,
  Home: Number.NEGATIVE_INFINITY,
};

/** What a key does; null = it is not one of the list's keys. */
export function afterKey(
  before: ListSelection,
  visible: readonly string[],
  key: string,
  modifiers: Modifiers,
): ListSelection | null {
  if (modifiers.toggle && key.toLowerCase() === 'a') {
    const primary = before.primary ?? visible[0] ?? null;
    return { layers: [...visible], primary, anchor: primary };
  }
  if (key === ' ' && before.primary !== null) {
    return afterClick(before, visible, before.primary, { shift: false, toggle: true });
  }
  const move = moves[key];
  if (move === undefined || visible.length === 0) return null;
  const now = before.primary === null ? -1 : visible.indexOf(before.primary);
  const next = visible[Math.min(visible.length - 1, Math.max(0, now + move))];
  if (next === undefined) return null;
  if (modifiers.shift) return afterClick(before, visible, next, { shift: true, toggle: false });
  return { layers: [next], primary: next, anchor: next };
}
