/** What the main process tells the window unasked. Buffered until `app.ready`, newest kept per key when late. */
import { z } from 'zod';
import { menuCommandSchema } from './commands.js';
import { errorInfoSchema } from './errors.js';
import { projectStateSchema, settingsSchema } from './project.js';
import { diagnosticsPointSchema, evaluationPointSchema, runSummarySchema, stepPointSchema } from './run.js';

export const jobSchema = z.strictObject({
  id: z.string().max(64),
  kind: z.enum([
    'open',
    'prepare',
    'quantize',
    'train',
    'export',
    'analyze',
    'evaluate',
    'transform',
    'allocate',
    'inputs',
  ]),
  title: z.string().max(300),
  /** 0–1, or null while it cannot be known. */
  fraction: z.number().min(0).max(1).nullable(),
  detail: z.string().max(300),
  remainingMs: z.number().nonnegative().nullable(),
  cancellable: z.boolean(),
  state: z.enum(['running', 'done', 'failed', 'cancelled']),
});
export type Job = z.infer<typeof jobSchema>;

export const eventSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('project.opened'), project: projectStateSchema }),
  z.strictObject({ type: z.literal('project.changed'), project: projectStateSchema }),
  z.strictObject({ type: z.literal('run.changed'), run: runSummarySchema }),
  /** At most 30 a second; `steps` are the (decimated) points since the last event. */
  z.strictObject({
    type: z.literal('run.points'),
    runId: z.string(),
    steps: z.array(stepPointSchema).max(1500),
    evaluations: z.array(evaluationPointSchema).max(100),
    diagnostics: z.array(diagnosticsPointSchema).max(100),
  }),
  z.strictObject({ type: z.literal('job.changed'), job: jobSchema }),
  z.strictObject({ type: z.literal('menu.command'), command: menuCommandSchema }),
  z.strictObject({ type: z.literal('settings.changed'), settings: settingsSchema }),
  z.strictObject({ type: z.literal('memory'), residentBytes: z.number().nonnegative() }),
  /** A failure no request is waiting for (a dropped file, a command-line argument, a background save). */
  z.strictObject({ type: z.literal('error'), error: errorInfoSchema, context: z.string().max(300) }),
]);
export type AppEvent = z.infer<typeof eventSchema>;
