/**
 * The engine without windows: services over the addon, the formats and the store, owning the one open
 * project. Every method throws `QatError`; inputs and outputs are those of the contract's routes.
 */
import type { NativeAddon } from '../../native/index.js';
import { type AppEvent, QatError } from '../contract/index.js';
import { AllocationService } from './allocation-service.js';
import type { EngineContext } from './context.js';
import { ExportService } from './export-service.js';
import { Jobs } from './jobs.js';
import { LayerService } from './layer-service.js';
import { ProjectService } from './project-service.js';
import { QuantizerLibraries } from './quantizer-libraries.js';
import { RunService } from './run-service.js';
import { TransformService } from './transform-service.js';

export interface EngineOptions {
  addon: NativeAddon;
  /** Where project folders are made. */
  projectsFolder: string;
  /** The app's `assets/` folder. */
  assetsFolder: string;
  emit: (event: AppEvent) => void;
}

export interface Engine {
  readonly project: ProjectService;
  readonly layers: LayerService;
  readonly runs: RunService;
  readonly exports: ExportService;
  readonly transforms: TransformService;
  readonly allocation: AllocationService;
  readonly jobs: Jobs;
  readonly libraries: QuantizerLibraries;
  /** Cancels all jobs, suspends the training at a checkpoint, saves and closes the project. */
  dispose(): Promise<void>;
}

export function createEngine(options: EngineOptions): Engine {
  const jobs = new Jobs(options.emit);
  const libraries = new QuantizerLibraries(options.addon);
  const context: EngineContext = {
    ...options,
    jobs,
    libraries,
    current: () => {
      const { open } = project;
      if (open) return open;
      throw new QatError('E-PROJECT-NONE', 'No project is open.', 'Open the sample project or a model file.');
    },
  };
  const runs = new RunService(context);
  const layers = new LayerService(context, (open, runId) => runs.weights(open, runId));
  const allocation = new AllocationService(context);
  const project: ProjectService = new ProjectService(context, runs, () => {
    layers.forget();
    allocation.forget();
  });
  return {
    project,
    layers,
    runs,
    exports: new ExportService(context),
    transforms: new TransformService(context),
    allocation,
    jobs,
    libraries,
    async dispose() {
      jobs.cancelAll();
      await project.close();
    },
  };
}
