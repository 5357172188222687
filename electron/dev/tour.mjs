/** `npm run tour`: drives the real application through its whole job on a display without a screen. */
import { fileURLToPath } from 'node:url';
import { runPlaywright } from './playwright-run.mjs';
import { runMain, say, secondsSince } from './say.mjs';

/** @returns {Promise<number>} the exit code */
export async function runTour() {
  const startMs = performance.now();
  const result = await runPlaywright('tour', { json: 'out/test/tour.json' });
  say(
    `the tour ${result.code === 0 ? 'is done' : 'failed'} (${secondsSince(startMs)}); its pictures, exported files and summary.json are in out/tour/`,
  );
  return result.code ?? 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runMain(runTour);
