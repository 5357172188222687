/** What the development scripts print, and the error they end with. */

/** A failure with the thing to do about it. */
export class SetupError extends Error {
  /**
   * @param {string} message what is wrong
   * @param {string} remedy what the person can do
   */
  constructor(message, remedy) {
    super(message);
    this.name = 'SetupError';
    this.remedy = remedy;
  }
}

/** @param {string} text one line of progress */
export function say(text) {
  process.stdout.write(`qat: ${text}\n`);
}

/**
 * Prints an error the way a person needs it: the sentence and the remedy; a stack only for our own bugs.
 * @param {unknown} error
 */
export function sayError(error) {
  if (error instanceof SetupError) {
    process.stderr.write(`qat: error: ${error.message}\n`);
    for (const line of error.remedy.split('\n')) process.stderr.write(`qat:   → ${line}\n`);
    return;
  }
  process.stderr.write(
    `qat: error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
}

/**
 * Runs a script's main function and turns its result into the exit code.
 * @param {() => Promise<number | void>} main
 */
export async function runMain(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    sayError(error);
    process.exitCode = 1;
  }
}

/**
 * @param {number} startMs a `performance.now()`
 * @returns {string} the seconds since, e.g. `3.2 s`
 */
export function secondsSince(startMs) {
  return `${((performance.now() - startMs) / 1000).toFixed(1)} s`;
}
