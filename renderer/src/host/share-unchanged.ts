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
  // Entries, not assignments: the key "__proto__" is one as any other.
  const entries = keys.map((key): [string, unknown] => {
    const known = Object.hasOwn(previous, key);
    const part = known ? shareUnchanged(previous[key], next[key]) : next[key];
    same &&= known && Object.is(part, previous[key]);
    return [key, part];
  });
  if (same) return previous as T;
  return (Array.isArray(next) ? entries.map(([, part]) => part) : Object.fromEntries(entries)) as T;
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
