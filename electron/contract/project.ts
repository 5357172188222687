/** A project on disk and the state of the open one. */
import { z } from 'zod';
import { datasetInfoSchema, layerStateSchema, modelInfoSchema } from './model.js';
import { exportRecordSchema } from './proof.js';
import { configurationSchema } from './quantizer.js';
import { runSummarySchema } from './run.js';

export const viewNames = ['distribution', 'error', 'training', 'compare', 'export'] as const;
export const viewNameSchema = z.enum(viewNames);
export type ViewName = z.infer<typeof viewNameSchema>;

/** What the window shows, kept so that reopening looks the same. */
export const viewStateSchema = z.strictObject({
  tab: viewNameSchema,
  selection: z.array(z.string().max(4096)).max(100_000),
  runSelection: z.array(z.string().max(64)).max(32),
});
export type ViewState = z.infer<typeof viewStateSchema>;

export const projectStateSchema = z.strictObject({
  id: z.string().max(64),
  name: z.string().max(1024),
  folder: z.string().max(4096),
  sample: z.boolean(),
  model: modelInfoSchema,
  /** Null: this model cannot be trained; `trainingReason` says why. */
  dataset: datasetInfoSchema.nullable(),
  trainingReason: z.string().max(1000).nullable(),
  configuration: configurationSchema,
  runs: z.array(runSummarySchema).max(10_000),
  exports: z.array(exportRecordSchema).max(10_000),
  view: viewStateSchema,
  /** Set when the project was restored after the app had ended without closing it. */
  recovered: z.boolean(),
});
export type ProjectState = z.infer<typeof projectStateSchema>;

/** Layers whose configuration was replaced, as they are now. */
export const configuredLayersSchema = z.strictObject({
  configuration: configurationSchema,
  states: z.record(z.string().min(1).max(4096), layerStateSchema),
});
export type ConfiguredLayers = z.infer<typeof configuredLayersSchema>;

export const recentEntrySchema = z.strictObject({
  kind: z.enum(['project', 'model']),
  name: z.string().max(1024),
  path: z.string().max(4096),
  openedAt: z.iso.datetime(),
  missing: z.boolean(),
});
export type RecentEntry = z.infer<typeof recentEntrySchema>;

export const settingsSchema = z.strictObject({
  theme: z.enum(['system', 'dark', 'light']),
  threads: z.int().min(0).max(256),
});
export type Settings = z.infer<typeof settingsSchema>;
