/**
 * What a project remembers, and every edit of it. The document is the fold of its edits: what is in memory,
 * what project.json plus the journal give, and what was acknowledged are the same by construction.
 */
import { z } from 'zod';
import {
  configurationSchema,
  datasetInfoSchema,
  exportRecordSchema,
  layerOutcomeSchema,
  layerStateSchema,
  resultIdSchema,
  viewStateSchema,
} from '../contract/index.js';

/** 2: results of layers in the place of their states and outcomes. */
export const projectSchemaVersion = 2;

/** Which file the project is about. The model itself stays where the user has it. */
export const modelReferenceSchema = z.strictObject({
  name: z.string().max(1024),
  path: z.string().max(4096),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  sizeBytes: z.int().nonnegative(),
});
export type ModelReference = z.infer<typeof modelReferenceSchema>;

const layerName = z.string().min(1).max(4096);

/** What was made of a layer under one quantizer; `layers/<id>.safetensors` holds the arrays. */
export const layerResultSchema = z.strictObject({
  id: resultIdSchema,
  /** The quantizer, as text. */
  quantizer: z.string().max(4096),
  state: layerStateSchema.exclude(['float']),
  outcome: layerOutcomeSchema.nullable(),
  /** The layer has it whenever it is set to the quantizer; one of each quantizer at most. */
  current: z.boolean(),
});
export type LayerResult = z.infer<typeof layerResultSchema>;

/** Of each layer, the one made or taken again last first. */
const layerResultsSchema = z.record(layerName, z.array(layerResultSchema).max(64));
export type LayerResults = z.infer<typeof layerResultsSchema>;

/** Of version 1; `layers/<digest of the layer's name>.safetensors` holds the arrays. */
const layerStatesSchema = z.record(layerName, layerStateSchema);
const layerOutcomesSchema = z.record(layerName, layerOutcomeSchema.nullable());

export const projectDocumentSchema = z.strictObject({
  schemaVersion: z.int().min(1).max(projectSchemaVersion),
  id: z.string().min(1).max(64),
  name: z.string().min(1).max(1024),
  sample: z.boolean(),
  createdAt: z.iso.datetime(),
  model: modelReferenceSchema,
  dataset: datasetInfoSchema.nullable(),
  trainingReason: z.string().max(1000).nullable(),
  configuration: configurationSchema,
  /** Layers that are not named are `float`. */
  layerResults: layerResultsSchema.default({}),
  /** Of version 1, until its layers are adopted as results. */
  layerStates: layerStatesSchema.default({}),
  layerOutcomes: layerOutcomesSchema.default({}),
  exports: z.array(exportRecordSchema).max(10_000),
  view: viewStateSchema,
  /** Number of the last edit contained in this file; the journal continues after it. */
  lastSeq: z.int().nonnegative(),
  /** False while a process has the project open, and after one died with it. */
  closedCleanly: z.boolean(),
});
export type ProjectDocument = z.infer<typeof projectDocumentSchema>;

export const editSchema = z.discriminatedUnion('kind', [
  /** Configurations of the named layers replace the ones before. */
  z.strictObject({ kind: z.literal('configuration'), data: configurationSchema }),
  z.strictObject({ kind: z.literal('layerResults'), data: layerResultsSchema }),
  /** The layers of version 1, all of them, as results. */
  z.strictObject({ kind: z.literal('adoptedLayers'), data: layerResultsSchema }),
  /** Of version 1. */
  z.strictObject({ kind: z.literal('layerStates'), data: layerStatesSchema }),
  z.strictObject({ kind: z.literal('layerOutcomes'), data: layerOutcomesSchema }),
  z.strictObject({ kind: z.literal('view'), data: viewStateSchema }),
  z.strictObject({ kind: z.literal('model'), data: modelReferenceSchema }),
  z.strictObject({
    kind: z.literal('dataset'),
    data: z.strictObject({
      dataset: datasetInfoSchema.nullable(),
      trainingReason: z.string().max(1000).nullable(),
    }),
  }),
  z.strictObject({ kind: z.literal('export'), data: exportRecordSchema }),
]);
export type ProjectEdit = z.infer<typeof editSchema>;

/** The document after `edit`; `document` itself is not touched. */
export function applyEdit(document: ProjectDocument, edit: ProjectEdit): ProjectDocument {
  switch (edit.kind) {
    case 'configuration':
      return { ...document, configuration: { ...document.configuration, ...edit.data } };
    case 'layerResults':
      return { ...document, layerResults: { ...document.layerResults, ...edit.data } };
    case 'adoptedLayers':
      return { ...document, layerStates: {}, layerOutcomes: {}, layerResults: edit.data };
    case 'layerStates':
      return { ...document, layerStates: { ...document.layerStates, ...edit.data } };
    case 'layerOutcomes':
      return { ...document, layerOutcomes: { ...document.layerOutcomes, ...edit.data } };
    case 'view':
      return { ...document, view: edit.data };
    case 'model':
      return { ...document, model: edit.data };
    case 'dataset':
      return { ...document, ...edit.data };
    case 'export':
      return { ...document, exports: [...document.exports, edit.data].slice(-10_000) };
  }
}
