/** The layer filter: a substring, or a glob when it has `*` or `?`. */

function globPattern(glob: string): RegExp {
  const escaped = glob.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  const source = escaped.replace(/\*+/g, '.*').replace(/\?/g, '.');
  return new RegExp(`^${source}$`, 'i');
}

/** Whether a name passes `filter`: space-separated terms, each of which must match. */
export function layerFilter(filter: string): (name: string) => boolean {
  const terms = filter.trim().split(/\s+/).filter(Boolean);
  const tests = terms.map((term) => {
    if (/[*?]/.test(term)) {
      const pattern = globPattern(term);
      return (name: string) => pattern.test(name);
    }
    const lower = term.toLowerCase();
    return (name: string) => name.toLowerCase().includes(lower);
  });
  return (name) => tests.every((test) => test(name));
}
