// The addon's loader and the types its callers need, for processes that may import the engine alone.
export type { Dataset, NativeAddon, Network, NetworkNode } from '../../native/index.js';
export { defaultAddonPath, loadNative } from '../../native/index.js';
export * from './call-options.js';
export * from './engine.js';
export { graphMetadataKey } from './graph.js';
export { floatLayerConfig } from './network-plan.js';
