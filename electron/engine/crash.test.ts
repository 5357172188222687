/** kill -9 in the middle of a training: nothing recorded is lost, and the resumed run ends in the same bits. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  endedRun,
  makeTestEngine,
  shortTraining,
  type TestEngine,
  writeSmallDataset,
  writeSmallModel,
} from './test-support.js';

let test: TestEngine;
beforeEach(async () => {
  test = await makeTestEngine();
  await mkdir(join(test.folder, 'data'));
  await writeSmallDataset(join(test.folder, 'data'));
  await writeSmallModel(join(test.folder, 'm.safetensors'));
});
afterEach(() => test.end());

interface Killed {
  runId: string;
  /** The last step the process had announced. */
  step: number;
}

/** Trains in a process of its own and kills it once `step` was announced. */
async function trainAndKill(epochs: number, step: number): Promise<Killed> {
  const script = join(dirname(fileURLToPath(import.meta.url)), 'crash-test-child.ts');
  const child = fork(script, [test.folder, String(epochs)], { execArgv: ['--import', 'tsx'] });
  const last: Killed = { runId: '', step: 0 };
  child.on('message', (message: Killed) => {
    Object.assign(last, message);
    if (message.step >= step) child.kill('SIGKILL');
  });
  const [code, signal] = await once(child, 'exit');
  expect([code, signal]).toEqual([null, 'SIGKILL']);
  return last;
}

async function projectFolder(): Promise<string> {
  const projects = join(test.folder, 'projects');
  const [name = ''] = await readdir(projects);
  return join(projects, name);
}

describe('a training killed with SIGKILL', () => {
  it.each([5, 60, 300])('after step %i resumes to the weights of one that was left alone', async (step) => {
    const epochs = 60;
    const killed = await trainAndKill(epochs, step);
    const folder = await projectFolder();
    const state = await test.engine.project.openFolder({ path: folder });
    expect(state.recovered).toBe(true);
    expect(state.runs[0]).toMatchObject({ id: killed.runId, state: 'interrupted' });
    const recorded = await test.engine.runs.series({ runId: killed.runId, maxPoints: 1500 });
    expect(recorded.steps.at(-1)?.step).toBeGreaterThanOrEqual(killed.step);

    await test.engine.runs.resume({ runId: killed.runId });
    expect((await test.waitFor(endedRun(killed.runId))).run.state).toBe('finished');
    const straight = await test.engine.runs.start({
      name: 'straight',
      training: { ...shortTraining, epochs },
    });
    expect((await test.waitFor(endedRun(straight.id))).run.state).toBe('finished');
    const weights = (id: string) => readFile(join(folder, 'runs', id, 'weights.safetensors'));
    expect((await weights(killed.runId)).equals(await weights(straight.id))).toBe(true);
    const series = (runId: string) => test.engine.runs.series({ runId, maxPoints: 1500 });
    expect((await series(killed.runId)).steps).toEqual((await series(straight.id)).steps);
  });
});
