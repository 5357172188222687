/** kill -9 at random moments of saving: the project opens, and nothing acknowledged is missing. */
import { spawn } from 'node:child_process';
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { expect, it } from 'vitest';
import { leftovers, withTemporaryFolder } from '../formats/test-support.js';
import { createProject, openProject } from './project-store.js';
import { projectInit } from './test-support.js';

const kills = 40;

/** kill-child.ts and all it imports as one file that plain Node starts quickly; returns its path. */
async function bundleChild(outDir: string): Promise<string> {
  await build({
    configFile: false,
    logLevel: 'silent',
    ssr: { noExternal: true },
    build: { ssr: fileURLToPath(new URL('kill-child.ts', import.meta.url)), outDir, emptyOutDir: false },
  });
  const name = (await readdir(outDir)).find((file) => /^kill-child\.m?js$/.test(file));
  if (name === undefined) throw new Error('the child was not bundled');
  const script = join(outDir, 'kill-child.mjs');
  await rename(join(outDir, name), script);
  return script;
}

/** Lets a child save `rounds` rounds and up to 40 ms more, kills it, returns the acknowledged rounds. */
function saveAndKill(script: string, folder: string, firstRound: number, rounds: number): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, folder, String(firstRound)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let errors = '';
    let due = false;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      // Counted in rounds, not in time: on a busy machine a child would be killed before it saved anything.
      if (due || output.split('\n').length - 2 < rounds) return;
      due = true;
      setTimeout(() => child.kill('SIGKILL'), Math.random() * 40);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    child.on('error', reject);
    child.on('close', (_code, signal) => {
      if (signal !== 'SIGKILL') return reject(new Error(`the child ended by itself: ${errors}`));
      // A number may be cut by the kill; only whole lines count.
      resolve([...output.matchAll(/^ack (\d+)\n/gm)].map((match) => Number(match[1])));
    });
  });
}

it(`${kills} kills: always opens as recovered, with every acknowledged edit`, async () => {
  await withTemporaryFolder(async (base) => {
    const script = await bundleChild(base);
    const created = await createProject(base, projectInit);
    const { folder } = created;
    await created.close();
    let last = 0;
    const acknowledged = new Set<number>();
    for (let kill = 0; kill < kills; kill++) {
      for (const round of await saveAndKill(script, folder, last + 1, kill % 7)) acknowledged.add(round);
      const project = await openProject(folder);
      expect(project.recovered).toBe(true);
      const { document } = project;
      const round = Number(document.view.selection[0] ?? 0);
      const newest = Math.max(0, ...acknowledged);
      expect(round, `kill ${kill}`).toBeGreaterThanOrEqual(newest);
      for (let old = Math.max(1, newest - 6); old <= newest; old++) {
        if (!acknowledged.has(old)) continue;
        // An unacknowledged later round may have taken the same layer since; an older one may not.
        const saved = document.configuration[`layer${old % 7}`]?.weight.groupSize;
        expect(saved, `kill ${kill}, round ${old}`).toBeGreaterThanOrEqual(2 + old);
      }
      const { steps } = await project.runs.readFullSeries('run-1');
      const recorded = new Set(steps.map((point) => point.step));
      const missing = [...acknowledged].filter((step) => !recorded.has(step));
      expect(missing, `kill ${kill}`).toEqual([]);
      const checkpoint = await project.runs.readCheckpoint('run-1');
      expect(new Set(checkpoint).size).toBeLessThanOrEqual(1);
      expect(project.runs.get('run-1').state).toBe('interrupted');
      expect(await leftovers(folder)).toEqual([]);
      last = Math.max(round, ...recorded);
      await project.close();
    }
    expect(acknowledged.size).toBeGreaterThan(kills);
    console.log(`${kills} kills, ${acknowledged.size} rounds acknowledged, none lost`);
  });
}, 300_000);
