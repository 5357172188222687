/** Names of fewer characters fit beside each other as they are. */
const longName = 24;

/** How much of a list of names is the same for most of them: `model.layers.`; empty where no name is long. */
export function sharedStart(names: readonly string[]): string {
  if (names.every((name) => name.length < longName)) return '';
  const counts = new Map<string, number>();
  for (const name of names) {
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const start = name.slice(0, dot + 1);
      counts.set(start, (counts.get(start) ?? 0) + 1);
    }
  }
  let shared = '';
  for (const [start, count] of counts) {
    if (count > 1 && count * 2 > names.length && start.length > shared.length) shared = start;
  }
  return shared;
}
