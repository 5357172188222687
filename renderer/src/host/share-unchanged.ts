/**
 * `next` with every part that equals the same part of `previous` replaced by that part: `previous` itself when
 * all is equal. States come from the main process as copies, and whoever shows a part that did not change
 * should not have to show it again. Plain JSON values only.
 */
export function shareUnchanged<T>(previous: unknown, next: T): T {
  if (Object.is(previous, next)) return next;
  if (!isContainer(previous) || !isContainer(next) || Array.isArray(previous) !== Array.isArray(next)) {
    return next;
  }
  const keys = Object.keys(next);
  let same = keys.length === Object.keys(previous).length;
  const shared: Record<string, unknown> | unknown[] = Array.isArray(next) ? [] : {};
  for (const key of keys) {
    const part = shareUnchanged(previous[key], next[key]);
    same &&= Object.is(part, previous[key]) && Object.hasOwn(previous, key);
    (shared as Record<string, unknown>)[key] = part;
  }
  return (same ? previous : shared) as T;
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
