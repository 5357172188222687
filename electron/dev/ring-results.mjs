/** Counts what the rings of `npm test` report: final lines of programs, JSON of Vitest and Playwright. */

/**
 * @typedef {object} RingResult
 * @property {number} passed
 * @property {number} failed
 * @property {string[]} notRun what was not run, each with its reason
 */

/** @returns {RingResult} */
export const emptyResult = () => ({ passed: 0, failed: 0, notRun: [] });

/**
 * @param {readonly RingResult[]} results
 * @returns {RingResult}
 */
export function sumResults(results) {
  return {
    passed: results.reduce((sum, result) => sum + result.passed, 0),
    failed: results.reduce((sum, result) => sum + result.failed, 0),
    notRun: results.flatMap((result) => result.notRun),
  };
}

/**
 * A check that either holds or does not, as the type checker.
 * @param {boolean} ok
 * @returns {RingResult}
 */
export const single = (ok) => ({ passed: ok ? 1 : 0, failed: ok ? 0 : 1, notRun: [] });

/**
 * The counts of a program that ends with `N passed, N failed`. A program that died, or failed without saying
 * which test, counts as one failure more: an exit code is never outvoted by a count.
 * @param {string} output
 * @param {boolean} ok whether it ended with code 0
 * @returns {RingResult}
 */
export function parseFinalLine(output, ok) {
  const line = [...output.matchAll(/^(\d+) passed, (\d+) failed\b.*$/gm)].at(-1);
  const result = { ...emptyResult(), passed: Number(line?.[1] ?? 0), failed: Number(line?.[2] ?? 0) };
  if (result.failed === 0 && (!ok || !line)) result.failed = 1;
  return result;
}

/**
 * @typedef {object} VitestReport the part of Vitest's JSON that is read here
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {{ name: string, status: string, message?: string, assertionResults: { fullName: string, status: string }[] }[]} testResults
 */

/**
 * @param {VitestReport | undefined} report undefined when there is none
 * @param {boolean} ok
 * @returns {RingResult}
 */
export function parseVitest(report, ok) {
  if (!report) return { ...emptyResult(), failed: 1 };
  // A file that cannot be loaded fails without a single test in it.
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length;
  const notRun = report.testResults.flatMap((file) =>
    file.assertionResults
      .filter((test) => test.status !== 'passed' && test.status !== 'failed')
      .map((test) => `${test.fullName} (${test.status} in ${file.name})`),
  );
  const failed = report.numFailedTests + broken;
  return { passed: report.numPassedTests, failed: failed === 0 && !ok ? 1 : failed, notRun };
}

/**
 * @typedef {{ status: string, annotations: { type: string, description?: string }[] }} PlaywrightTest
 * @typedef {{ title: string, suites?: PlaywrightSuite[], specs?: { title: string, tests: PlaywrightTest[] }[] }} PlaywrightSuite
 * @typedef {{ stats: { expected: number, unexpected: number, flaky: number, skipped: number }, errors: unknown[], suites: PlaywrightSuite[] }} PlaywrightReport
 */

/**
 * @param {PlaywrightReport | undefined} report
 * @param {boolean} ok
 * @returns {RingResult}
 */
export function parsePlaywright(report, ok) {
  if (!report) return { ...emptyResult(), failed: 1 };
  // There are no retries, so nothing can be flaky; should someone add them, flaky is not passed.
  const failed = report.stats.unexpected + report.stats.flaky;
  return {
    passed: report.stats.expected,
    failed: failed === 0 && !ok ? 1 : failed,
    notRun: report.suites.flatMap((suite) => skippedIn(suite)),
  };
}

/**
 * @param {PlaywrightSuite} suite
 * @returns {string[]}
 */
function skippedIn(suite) {
  const here = (suite.specs ?? []).flatMap(({ title, tests }) =>
    tests
      .filter((test) => test.status === 'skipped')
      .map((test) => {
        const reason = test.annotations.find(({ type }) => type === 'skip' || type === 'fixme')?.description;
        return `${title} (${reason ?? 'skipped without a reason, or after a failure before it'})`;
      }),
  );
  return [...here, ...(suite.suites ?? []).flatMap(skippedIn)];
}
