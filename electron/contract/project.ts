/** A project on disk and the state of the open one. */
import { z } from 'zod';
import { errorInfoSchema } from './errors.js';
import { datasetInfoSchema, layerStandingSchema, modelInfoSchema } from './model.js';
import { exportRecordSchema } from './proof.js';
import { configurationSchema, libraryIdSchema } from './quantizer.js';
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

/** Layers whose configuration or result was replaced, as they are now. */
export const configuredLayersSchema = z.strictObject({
  configuration: configurationSchema,
  states: z.record(z.string().min(1).max(4096), layerStandingSchema),
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

/** Allowed at once. */
export const mostLibraries = 64;

/** A quantizer library as the user allowed it: the file is loaded only while it has this hash. */
export const allowedLibrarySchema = z.strictObject({
  path: z.string().min(1).max(4096),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  id: libraryIdSchema,
});
export type AllowedLibrary = z.infer<typeof allowedLibrarySchema>;

/** What a library says of itself. */
export const quantizerLibrarySchema = z.strictObject({
  id: libraryIdSchema,
  name: z.string().max(32),
  version: z.string().max(32),
  description: z.string().max(500),
  bits: z.array(z.int().min(1).max(8)).min(1).max(8),
  parameters: z
    .array(z.strictObject({ name: z.string().max(32), least: z.number(), isLearned: z.boolean() }))
    .max(8),
});
export type QuantizerLibrary = z.infer<typeof quantizerLibrarySchema>;

/** An allowed library and what became of it: loaded, or why not. */
export const libraryStateSchema = allowedLibrarySchema.extend({
  loaded: quantizerLibrarySchema.nullable(),
  error: errorInfoSchema.nullable(),
});
export type LibraryState = z.infer<typeof libraryStateSchema>;

export const settingsSchema = z.strictObject({
  theme: z.enum(['system', 'dark', 'light']),
  threads: z.int().min(0).max(256),
});
export type Settings = z.infer<typeof settingsSchema>;
