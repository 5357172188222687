/** Native objects for as long as a piece of work takes. */

interface Native {
  dispose(): void;
}

/** `own` takes an object on as soon as it is made: whatever throws after that, it is disposed, the last made first. */
export async function withOwned<T>(work: (own: <N extends Native>(made: N) => N) => Promise<T>): Promise<T> {
  const owned: Native[] = [];
  const own = <N extends Native>(made: N): N => {
    owned.push(made);
    return made;
  };
  try {
    return await work(own);
  } finally {
    for (const made of owned.reverse()) made.dispose();
  }
}
