/**
 * The process that kill.test.ts kills: saves without end and says `ack n` after each acknowledged round.
 * Arguments: project folder, number of the first round.
 */
import { openProject } from './project-store.js';
import { configuration, runSummary, stepPoint, view } from './test-support.js';

const [folder = '', first = '1'] = process.argv.slice(2);
const project = await openProject(folder);
const runId = 'run-1';
if (!project.runs.list().some((run) => run.id === runId)) await project.runs.add(runSummary(runId));
process.stdout.write('ready\n');

// Large enough that the journal is folded every few rounds, so that kills hit folding too.
const ballast = Array.from({ length: 2000 }, (_, i) => `layer.${i}.${'x'.repeat(40)}`);
for (let round = Number(first); ; round++) {
  await Promise.all([
    project.saveView(view(String(round), ...ballast)),
    project.saveConfiguration(configuration(`layer${round % 7}`, 2 + (round % 60_000))),
    project.runs.appendSeries(runId, { steps: [stepPoint(round)], evaluations: [], diagnostics: [] }),
    round % 4 === 0 ? project.runs.update(runSummary(runId, { name: `round ${round}` })) : undefined,
    round % 8 === 0 ? project.runs.writeCheckpoint(runId, Buffer.alloc(50_000, round % 256)) : undefined,
  ]);
  process.stdout.write(`ack ${round}\n`);
}
