/** Notices changed sources, for `npm run dev`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { appSources } from './build-app.mjs';
import { contentDigest } from './content-digest.mjs';
import { fromRoot } from './paths.mjs';
import { sayError } from './say.mjs';

const intervalMs = 1_000;

/**
 * Calls `onChange` after each change, one call at a time. It looks instead of listening: recursive listening
 * does not exist on every system and Node we support, and the sources are small.
 * @param {() => Promise<void>} onChange
 * @returns {() => void} stops watching
 */
export function watchSources(onChange) {
  let watching = true;
  const look = async () => {
    let seen = digest();
    while (watching) {
      await sleep(intervalMs, undefined, { ref: false });
      const now = digest();
      if (now === seen) continue;
      seen = now;
      // A half-written source fails to build; the next change builds again.
      await onChange().catch(sayError);
    }
  };
  void look();
  return () => {
    watching = false;
  };
}

function digest() {
  return contentDigest([...appSources, fromRoot('native', 'src'), fromRoot('native', 'include')]);
}
