/** What the services share: the addon, the folders, the events, and the one open project. */
import type { NativeAddon } from '../../native/index.js';
import type { AppEvent } from '../contract/index.js';
import type { Jobs } from './jobs.js';
import type { OpenProject } from './open-project.js';

export interface EngineContext {
  readonly addon: NativeAddon;
  /** Where project folders are made. */
  readonly projectsFolder: string;
  /** `assets/` of the app: the sample model and data set. */
  readonly assetsFolder: string;
  readonly jobs: Jobs;
  emit(event: AppEvent): void;
  /** The open project. @throws E-PROJECT-NONE */
  current(): OpenProject;
}
