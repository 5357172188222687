/** How Electron is started in development and tests. */

/**
 * Chromium refuses to run its sandbox as root; the packaged application never passes this.
 * @returns {string[]}
 */
export function sandboxArguments() {
  return process.getuid?.() === 0 ? ['--no-sandbox'] : [];
}
