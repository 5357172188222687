/** What the services share: the addon, the folders, the events, and the one open project. */
import type { NativeAddon } from '../../native/index.js';
import type { AppEvent } from '../contract/index.js';
import type { Jobs } from './jobs.js';
import type { OpenProject } from './open-project.js';
import type { QuantizerLibraries } from './quantizer-libraries.js';

export interface EngineContext {
  readonly addon: NativeAddon;
  /** Where project folders are made. */
  readonly projectsFolder: string;
  /** `assets/` of the app: the sample model and data set. */
  readonly assetsFolder: string;
  readonly jobs: Jobs;
  readonly libraries: QuantizerLibraries;
  emit(event: AppEvent): void;
  /** The open project. @throws E-PROJECT-NONE */
  current(): OpenProject;
}
