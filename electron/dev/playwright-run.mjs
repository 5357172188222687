/** Runs one of the Playwright projects; its global set-up (playwright-setup.mjs) prepares everything else. */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { fromRoot, root } from './paths.mjs';
import { runCommand } from './run-command.mjs';
import { SetupError } from './say.mjs';

/**
 * @param {'journeys' | 'tour'} project
 * @param {{ json: string, timeoutMs?: number }} options `json`: where the results go, relative to the root
 * @returns {Promise<import('./run-command.mjs').CommandResult>}
 */
export async function runPlaywright(project, { json, timeoutMs = 20 * 60_000 }) {
  const cli = fromRoot('node_modules', '@playwright', 'test', 'cli.js');
  if (!existsSync(cli)) throw new SetupError('The packages are not installed', 'npm ci');
  const jsonPath = fromRoot(json);
  mkdirSync(dirname(jsonPath), { recursive: true });
  rmSync(jsonPath, { force: true });
  return runCommand(
    process.execPath,
    [cli, 'test', '--config', 'playwright.config.ts', '--project', project],
    {
      cwd: root,
      env: { ...process.env, QAT_PLAYWRIGHT_JSON: jsonPath },
      output: 'show',
      timeoutMs,
    },
  );
}
