import { describe, expect, it } from 'vitest';
import { parseFinalLine, parsePlaywright, parseVitest, sumResults } from './ring-results.mjs';

describe('programs that end with a count', () => {
  it('takes the last count, not one that a test printed', () => {
    expect(parseFinalLine('3 passed, 9 failed\nmore\n12 passed, 0 failed\n', true)).toMatchObject({
      passed: 12,
      failed: 0,
    });
  });

  it('never lets a count outvote the exit code', () => {
    expect(parseFinalLine('12 passed, 0 failed\n', false)).toMatchObject({ passed: 12, failed: 1 });
  });

  it('counts a program that died before its count as a failure', () => {
    expect(parseFinalLine('test one\n', true)).toMatchObject({ passed: 0, failed: 1 });
    expect(parseFinalLine('', false)).toMatchObject({ passed: 0, failed: 1 });
  });

  it('does not read a count out of the middle of a line', () => {
    expect(parseFinalLine('x: 5 passed, 0 failed\n', true)).toMatchObject({ passed: 0, failed: 1 });
  });
});

/** @param {string[]} statuses */
const file = (...statuses) => ({
  name: 'a.test.ts',
  status: statuses.includes('failed') ? 'failed' : 'passed',
  assertionResults: statuses.map((status, i) => ({ fullName: `test ${i}`, status })),
});

describe('Vitest', () => {
  it('counts tests and names those that did not run', () => {
    const report = {
      numPassedTests: 2,
      numFailedTests: 1,
      testResults: [file('passed', 'passed', 'failed', 'skipped')],
    };
    expect(parseVitest(report, false)).toEqual({
      passed: 2,
      failed: 1,
      notRun: ['test 3 (skipped in a.test.ts)'],
    });
  });

  it('counts a file that could not be loaded', () => {
    const broken = { name: 'b.test.ts', status: 'failed', assertionResults: [] };
    const report = { numPassedTests: 1, numFailedTests: 0, testResults: [file('passed'), broken] };
    expect(parseVitest(report, false)).toMatchObject({ passed: 1, failed: 1 });
  });

  it('counts an error outside any test, and a report that is missing', () => {
    const report = { numPassedTests: 1, numFailedTests: 0, testResults: [file('passed')] };
    expect(parseVitest(report, false)).toMatchObject({ passed: 1, failed: 1 });
    expect(parseVitest(undefined, true)).toMatchObject({ passed: 0, failed: 1 });
  });
});

describe('Playwright', () => {
  const stats = { expected: 4, unexpected: 0, flaky: 0, skipped: 0 };

  it('finds skipped tests in nested suites, with their reasons', () => {
    const annotations = [{ type: 'skip', description: 'no GPU' }];
    const spec = { title: 'trains on the GPU', tests: [{ status: 'skipped', annotations }] };
    const suites = [{ title: 'file', suites: [{ title: 'describe', specs: [spec] }] }];
    expect(parsePlaywright({ stats: { ...stats, skipped: 1 }, errors: [], suites }, true)).toEqual({
      passed: 4,
      failed: 0,
      notRun: ['trains on the GPU (no GPU)'],
    });
  });

  it('counts flaky tests, a failed set-up and a missing report as failures', () => {
    expect(parsePlaywright({ stats: { ...stats, flaky: 1 }, errors: [], suites: [] }, true).failed).toBe(1);
    expect(parsePlaywright({ stats, errors: [{}], suites: [] }, false).failed).toBe(1);
    expect(parsePlaywright(undefined, false).failed).toBe(1);
  });
});

it('adds rings up', () => {
  const a = { passed: 2, failed: 1, notRun: ['x'] };
  const b = { passed: 3, failed: 0, notRun: ['y'] };
  expect(sumResults([a, b])).toEqual({ passed: 5, failed: 1, notRun: ['x', 'y'] });
});
