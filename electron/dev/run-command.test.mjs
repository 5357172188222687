import { expect, it } from 'vitest';
import { describeEnd, isRunnable, runCommand } from './run-command.mjs';

const node = (/** @type {string} */ code) => ['-e', code];

it('gives back the code and what was printed', async () => {
  const result = await runCommand(
    process.execPath,
    node('console.log("out"); console.error("err"); process.exit(3)'),
  );
  expect(result).toMatchObject({ code: 3, stdout: 'out\n', stderr: 'err\n', timedOut: false });
  expect(describeEnd(result)).toBe('ended with code 3');
});

it.skipIf(process.platform === 'win32')(
  'ends what a command started when its time is over (not Windows)',
  async () => {
    const child = `require('node:child_process').spawn('sleep', ['600'], { stdio: 'inherit' }); setInterval(() => {}, 1000)`;
    const startMs = performance.now();
    // The grandchild holds the pipe open: this returns early only if it was ended too.
    const result = await runCommand(process.execPath, node(child), { timeoutMs: 1_500 });
    expect(result.timedOut).toBe(true);
    expect(describeEnd(result)).toBe('ran out of time');
    expect(performance.now() - startMs).toBeLessThan(9_000);
  },
);

it('rejects when there is no such program, and isRunnable says so', async () => {
  await expect(runCommand('qat-no-such-program', [])).rejects.toThrow('ENOENT');
  expect(await isRunnable('qat-no-such-program')).toBe(false);
  expect(await isRunnable('node')).toBe(true);
});
