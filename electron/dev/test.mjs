/**
 * `npm test`: every ring in order, going on after a failing one; the last line is `N passed, N failed`.
 * `--only <ring>` (again for more than one) runs some.
 */
import { parseArgs } from 'node:util';
import { emptyResult, sumResults } from './ring-results.mjs';
import { extraRings, rings } from './rings.mjs';
import { runMain, SetupError, say, sayError, secondsSince } from './say.mjs';

/** @typedef {import('./rings.mjs').Ring} Ring */

/** @returns {readonly Ring[]} */
function chosenRings() {
  const { values } = parseArgs({ options: { only: { type: 'string', multiple: true } } });
  if (!values.only) return rings;
  return values.only.map((name) => {
    const all = [...rings, ...extraRings];
    const ring = all.find((candidate) => candidate.name === name);
    if (!ring)
      throw new SetupError(
        `There is no ring "${name}"`,
        `Choose from ${all.map((one) => one.name).join(', ')}.`,
      );
    return ring;
  });
}

/** @param {Ring} ring */
async function runRing(ring) {
  const startMs = performance.now();
  say(`--- ${ring.name}: ${ring.what}`);
  try {
    const result = await ring.run();
    say(`--- ${ring.name}: ${result.passed} passed, ${result.failed} failed (${secondsSince(startMs)})`);
    return result;
  } catch (error) {
    // What a ring needs is missing or does not build: that is a failure, and the reason is said again at the end.
    sayError(error);
    say(`--- ${ring.name}: could not run (${secondsSince(startMs)})`);
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    return { ...emptyResult(), failed: 1, notRun: [`${ring.name}: ${reason}`] };
  }
}

await runMain(async () => {
  const startMs = performance.now();
  const results = [];
  const lines = [];
  for (const ring of chosenRings()) {
    const ringStartMs = performance.now();
    const result = await runRing(ring);
    results.push(result);
    lines.push(
      `${ring.name.padEnd(10)} ${String(result.passed).padStart(6)} passed ${String(result.failed).padStart(4)} failed   ${secondsSince(ringStartMs)}`,
    );
  }
  const total = sumResults(results);
  say('');
  for (const line of lines) say(line);
  for (const reason of total.notRun) say(`not run: ${reason}`);
  say(`all rings took ${secondsSince(startMs)}`);
  process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
});
