/**
 * Every request the window can make, one row each: `namespace.verb → {input, output}`.
 * Adding a row without a handler, or a handler without a row, does not compile (main/router.ts).
 */
import { z } from 'zod';
import { allocationInputSchema, allocationSchema } from './allocation.js';
import { analysisSchema, whatIfSchema } from './analysis.js';
import { calibrationSchema, inputsFileSchema, layerTrainingSchema } from './calibration.js';
import { resultIdSchema } from './model.js';
import {
  configuredLayersSchema,
  libraryStateSchema,
  mostLibraries,
  projectStateSchema,
  recentEntrySchema,
  settingsSchema,
  viewStateSchema,
} from './project.js';
import { exportRecordSchema } from './proof.js';
import { configurationSchema, libraryIdSchema, weightQuantizerSchema } from './quantizer.js';
import { runSeriesSchema, runSummarySchema } from './run.js';
import { trainingConfigSchema } from './training.js';
import {
  changedLayerSchema,
  transformChoiceSchema,
  transformPlanSchema,
  transformRecordSchema,
} from './transforms.js';

const none = z.strictObject({});
const libraries = z.strictObject({ libraries: z.array(libraryStateSchema).max(mostLibraries) });
const path = z.string().min(1).max(4096);
const layerName = z.string().min(1).max(4096);
const layerNames = z.array(layerName).min(1).max(100_000);
const runId = z.strictObject({ runId: z.string().min(1).max(64) });

/** Weights to look at: the project's model, or the latest snapshot of a run's weights. */
const source = z.strictObject({
  layer: layerName,
  /** null = the model's float weights; a run id = that run's weights (live while it trains). */
  runId: z.string().max(64).nullable(),
});

/** Which scale's levels to draw and how to bin. */
const lens = z.strictObject({
  quantizer: weightQuantizerSchema,
  /** Output channel whose values and levels are shown; null = all values, levels of the median scale. */
  row: z.int().nonnegative().nullable(),
  /** Zoomed value range; null = the full range. */
  range: z.strictObject({ low: z.number(), high: z.number() }).nullable(),
  drawnBins: z.int().min(8).max(256),
});

export const backendSchema = z.strictObject({
  device: z.string(),
  isa: z.string(),
  threads: z.int().positive(),
});

export const appInfoSchema = z.strictObject({
  version: z.string(),
  electron: z.string(),
  chromium: z.string(),
  node: z.string(),
  platform: z.string(),
  backend: backendSchema,
  settings: settingsSchema,
});
export type AppInfo = z.infer<typeof appInfoSchema>;

export const routes = {
  'app.info': { input: none, output: appInfoSchema },
  /** The window is listening: buffered events are delivered now. */
  'app.ready': { input: none, output: none },
  'app.setSettings': { input: settingsSchema, output: settingsSchema },
  'app.showInFolder': { input: z.strictObject({ path }), output: none },
  'app.copyText': { input: z.strictObject({ text: z.string().max(16_000_000) }), output: none },
  /** A PNG as base64 onto the clipboard. */
  'app.copyImage': { input: z.strictObject({ png: z.base64().max(32_000_000) }), output: none },
  /** Renderer errors go to the same log as everything else. */
  'app.log': {
    input: z.strictObject({ level: z.enum(['error', 'warn', 'info']), message: z.string().max(8000) }),
    output: none,
  },

  'library.list': { input: none, output: libraries },
  /** Asks for the file and for the user's word, both in dialogs of the main process: the page can allow nothing. */
  'library.add': { input: none, output: libraries },
  'library.remove': { input: z.strictObject({ id: libraryIdSchema }), output: libraries },

  'project.current': { input: none, output: z.strictObject({ project: projectStateSchema.nullable() }) },
  'project.openSample': { input: none, output: projectStateSchema },
  /** Path null asks with the open dialog; `project` null means the user closed it. */
  'project.openModel': {
    input: z.strictObject({ path: path.nullable() }),
    output: z.strictObject({ project: projectStateSchema.nullable() }),
  },
  'project.openFolder': {
    input: z.strictObject({ path: path.nullable() }),
    output: z.strictObject({ project: projectStateSchema.nullable() }),
  },
  'project.recent': { input: none, output: z.strictObject({ entries: z.array(recentEntrySchema).max(50) }) },
  'project.clearRecent': { input: none, output: none },
  /**
   * Replaces the configuration of the named layers; layers whose quantizer changed have what was made of them under
   * the new one, or are `float`. The answer is about these layers alone, so that an edit costs the same whatever the
   * size of the model.
   */
  'project.configure': {
    input: z.strictObject({ changes: configurationSchema }),
    output: configuredLayersSchema,
  },
  'project.saveView': { input: viewStateSchema, output: none },
  /** Attach an IDX folder (four files) as the training and test set of the open model. */
  'project.openDataset': {
    input: z.strictObject({ path: path.nullable() }),
    output: z.strictObject({ project: projectStateSchema.nullable() }),
  },

  'layer.analyze': { input: z.strictObject({ source, lens }), output: analysisSchema },
  'layer.whatIf': { input: z.strictObject({ source, lens }), output: whatIfSchema },
  /** Counts of `bins` equal bins per layer, for the layer list. */
  'layer.thumbnails': {
    input: z.strictObject({ layers: layerNames.max(200), bins: z.int().min(8).max(64) }),
    output: z.strictObject({
      thumbnails: z.array(z.strictObject({ layer: layerName, counts: z.array(z.number()) })),
    }),
  },
  'layer.prepare': { input: z.strictObject({ layers: layerNames }), output: projectStateSchema },
  /** `calibration`: for roundings that look at the layer's inputs. */
  'layer.quantize': {
    input: z.strictObject({ layers: layerNames, calibration: calibrationSchema.optional() }),
    output: projectStateSchema,
  },
  /** Trains each layer by itself against its float output, and quantizes it. */
  'layer.train': {
    input: z.strictObject({
      layers: layerNames,
      calibration: calibrationSchema,
      training: layerTrainingSchema,
    }),
    output: projectStateSchema,
  },
  /** Asks for a file of these layers' inputs with the open dialog and looks it through; null: the user closed it. */
  'layer.chooseInputs': {
    input: z.strictObject({ layers: layerNames }),
    output: z.strictObject({ file: inputsFileSchema.nullable() }),
  },
  'layer.reset': { input: z.strictObject({ layers: layerNames }), output: projectStateSchema },
  /** Takes results made before as the layers' own again, all or none; null: float. What undo and redo ask for. */
  'layer.restore': {
    input: z.strictObject({ results: z.record(layerName, resultIdSchema.nullable()) }),
    output: configuredLayersSchema,
  },

  /** What of the float network can be folded and equalised, from its graph alone. */
  'model.transforms': { input: none, output: transformPlanSchema },
  /** The weights that the choice would change, before and after. */
  'model.tryTransforms': {
    input: transformChoiceSchema,
    output: z.strictObject({ layers: z.array(changedLayerSchema).max(10_000) }),
  },
  /** Path null asks with the save dialog; `record` null means the user closed it. */
  'model.writeTransformed': {
    input: z.strictObject({ choice: transformChoiceSchema, path: path.nullable() }),
    output: z.strictObject({ record: transformRecordSchema.nullable() }),
  },
  /** Bits of the layers within a budget. Changes nothing: the answer is a proposal. */
  'model.allocate': { input: allocationInputSchema, output: allocationSchema },

  'run.start': {
    input: z.strictObject({ name: z.string().min(1).max(200).nullable(), training: trainingConfigSchema }),
    output: runSummarySchema,
  },
  'run.pause': { input: runId, output: runSummarySchema },
  'run.resume': { input: runId, output: runSummarySchema },
  'run.cancel': { input: runId, output: runSummarySchema },
  'run.rename': { input: runId.extend({ name: z.string().min(1).max(200) }), output: runSummarySchema },
  'run.delete': { input: runId, output: none },
  'run.series': { input: runId.extend({ maxPoints: z.int().min(2).max(1500) }), output: runSeriesSchema },

  /** Path null asks with the save dialog; `record` null means the user closed it. */
  'export.write': {
    input: z.strictObject({ runId: z.string().max(64).nullable(), path: path.nullable() }),
    output: z.strictObject({ record: exportRecordSchema.nullable() }),
  },
  /** Re-read a file exported earlier and compare its SHA-256 with the stored proof. */
  'export.verify': {
    input: z.strictObject({ path }),
    output: z.strictObject({ matches: z.boolean(), sha256: z.string(), record: exportRecordSchema }),
  },

  /** A chart's picture or data, through the save dialog. `data` is text (SVG, CSV) or base64 (PNG). */
  'chart.save': {
    input: z.strictObject({
      kind: z.enum(['svg', 'png', 'csv']),
      name: z.string().min(1).max(200),
      data: z.string().max(32_000_000),
    }),
    output: z.strictObject({ path: z.string().nullable() }),
  },

  'job.cancel': { input: z.strictObject({ jobId: z.string().min(1).max(64) }), output: none },
} as const satisfies Record<string, { input: z.ZodType; output: z.ZodType }>;

export type RouteName = keyof typeof routes;
export type RouteInput<R extends RouteName> = z.input<(typeof routes)[R]['input']>;
export type RouteOutput<R extends RouteName> = z.output<(typeof routes)[R]['output']>;
export const routeNames = Object.keys(routes) as RouteName[];
