/**
 * The process that `crash.test.ts` kills: trains in the folder it is given and tells its parent of every
 * recorded step. Run with a TypeScript loader.
 */
import { join } from 'node:path';
import { makeTestEngine, shortTraining } from './test-support.js';

const [folder = '', epochs = '1'] = process.argv.slice(2);
const test = await makeTestEngine(folder);
await test.engine.project.openModel({ path: join(folder, 'm.safetensors') });
await test.engine.project.openDataset({ path: join(folder, 'data') });
const run = await test.engine.runs.start({
  name: 'killed',
  training: { ...shortTraining, epochs: Number(epochs) },
});
let told = 0;
setInterval(() => {
  for (; told < test.events.length; told += 1) {
    const event = test.events[told];
    if (event?.type === 'run.points') process.send?.({ runId: run.id, step: event.steps.at(-1)?.step ?? 0 });
  }
}, 5);
