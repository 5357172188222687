/** Every command of the window, in one list. */
import {
  type Bits,
  bitWidths,
  isActive,
  type MenuCommand,
  menuCommandTable,
  presets,
  type ViewName,
} from '../../host/contract.js';
import {
  cancelTraining,
  changeSettings,
  clearRecent,
  type JournalStep,
  openDataset,
  openFolder,
  openModel,
  openSample,
  pauseOrResume,
  prepareBlocked,
  prepareSelection,
  quantizeBlocked,
  quantizeSelection,
  redo,
  resetBlocked,
  resetSelection,
  runningRun,
  selectAllLayers,
  setBits,
  setLogOpen,
  setPreset,
  showTab,
  stepLayer,
  themeOf,
  trainBlocked,
  trainLayersBlocked,
  trainModel,
  trainSelection,
  undo,
  useAppInfo,
  useNotices,
  waitsForWork,
} from '../../host/index.js';
import { openDialog } from '../dialogs-store.js';
import { focusLayerFilter, focusNextPanel } from '../focus.js';
import { resetLayout } from '../layout-store.js';
import type { Command, CommandContext, CommandGroup } from './command.js';

type Behaviour = Omit<Command, 'id' | 'label' | 'group' | 'shortcut'>;

const needsProject = ({ project }: CommandContext) => (project ? null : 'Open a model first');
const needsSelection = ({ project, selected }: CommandContext) => {
  if (!project) return 'Open a model first';
  return selected.length > 0 ? null : 'Select a layer first';
};
const needsRun = (context: CommandContext) => (runningRun(context) ? null : 'No training is running');

const stepBlocked = (step: JournalStep | null, busy: CommandContext['busy']) =>
  step && waitsForWork(step, busy) ? 'Wait for the step before' : null;

const view = (tab: ViewName): Behaviour => ({ blocked: needsProject, run: () => showTab(tab) });

function toggleTheme(): Promise<void> {
  return changeSettings({ theme: themeOf(useAppInfo.getState()) === 'dark' ? 'light' : 'dark' });
}

/** One behaviour per menu command: a missing one does not compile. */
const menuBehaviours: Record<MenuCommand, Behaviour> = {
  'file.openModel': { keywords: 'safetensors file weights load', run: () => openModel(null) },
  'file.openProject': { keywords: 'folder load', run: () => openFolder(null) },
  'file.openSample': { keywords: 'fashion mnist example start', run: () => openSample() },
  'file.openDataset': {
    keywords: 'idx images training test',
    blocked: needsProject,
    run: () => openDataset(null),
  },
  'file.export': { keywords: 'save packed proof', blocked: needsProject, run: () => showTab('export') },
  'file.libraries': { keywords: 'add own plugin native user', run: () => openDialog('libraries') },
  'edit.undo': {
    yieldsToText: true,
    blocked: ({ undoStep, busy }) => stepBlocked(undoStep, busy) ?? (undoStep ? null : 'Nothing to undo'),
    labelNow: ({ undoStep }) => (undoStep ? `Undo: ${undoStep.label}` : 'Undo'),
    run: undo,
  },
  'edit.redo': {
    alias: '$mod+Y',
    yieldsToText: true,
    blocked: ({ redoStep, busy }) => stepBlocked(redoStep, busy) ?? (redoStep ? null : 'Nothing to redo'),
    labelNow: ({ redoStep }) => (redoStep ? `Redo: ${redoStep.label}` : 'Redo'),
    run: redo,
  },
  'edit.selectAllLayers': { blocked: needsProject, run: selectAllLayers },
  'view.distribution': { ...view('distribution'), keywords: 'histogram levels' },
  'view.error': { ...view('error'), keywords: 'sqnr mse rows' },
  'view.training': { ...view('training'), keywords: 'loss accuracy curve' },
  'view.compare': { ...view('compare'), keywords: 'runs side by side' },
  'view.export': { ...view('export'), keywords: 'packed proof history verify' },
  'view.palette': { alias: '$mod+P', run: () => openDialog('palette') },
  'view.toggleTheme': { keywords: 'appearance colours', run: toggleTheme },
  'model.transform': {
    keywords: 'batch norm folding cross-layer equalization cle bn transform',
    blocked: needsProject,
    run: () => openDialog('transform'),
  },
  'model.allocate': {
    keywords: 'mixed precision budget bit allocation sensitivity size',
    blocked: ({ project }) => {
      if (!project) return 'Open a model first';
      return project.runs.some(isActive) ? 'A training uses the layers; cancel it or wait' : null;
    },
    run: () => openDialog('allocate'),
  },
  'run.prepare': { keywords: 'scales range calibrate', blocked: prepareBlocked, run: prepareSelection },
  'run.quantize': { keywords: 'pack codes', blocked: quantizeBlocked, run: quantizeSelection },
  'run.train': { keywords: 'start qat fine-tune', blocked: trainBlocked, run: trainModel },
  'run.pauseOrResume': { blocked: needsRun, run: pauseOrResume },
  'run.cancel': { keywords: 'stop', blocked: needsRun, run: cancelTraining },
  'help.shortcuts': { alias: 'Shift+?', keywords: 'keys', run: () => openDialog('shortcuts') },
  'help.about': { keywords: 'version backend', run: () => openDialog('about') },
};

const groupOf: Record<string, CommandGroup> = {
  file: 'File',
  edit: 'Edit',
  model: 'Model',
  view: 'View',
  run: 'Run',
  help: 'Help',
};

const menuCommands: Command[] = menuCommandTable.map((row) => ({
  id: row.id,
  label: row.label,
  group: groupOf[row.id.split('.')[0] ?? ''] ?? 'View',
  shortcut: row.shortcut,
  ...menuBehaviours[row.id],
}));

const bitsCommand = (bits: Bits): Command => ({
  id: `layers.bits${bits}`,
  label: bits === 32 ? 'Keep Weights Float' : `Set Weights to ${bits} ${bits === 1 ? 'Bit' : 'Bits'}`,
  group: 'Layers',
  shortcut: bits === 32 ? '0' : String(bits),
  scope: 'layers',
  keywords: `w${bits} width precision`,
  blocked: needsSelection,
  run: () => setBits({ weight: bits }),
});

const layerCommands: Command[] = [
  ...bitWidths.map(bitsCommand),
  ...presets.map(
    (preset): Command => ({
      id: `layers.preset.${preset.id}`,
      label: `Apply Preset ${preset.label}`,
      group: 'Layers',
      shortcut: null,
      keywords: `weights ${preset.wBit} activations ${preset.aBit} bits`,
      blocked: needsSelection,
      run: () => setPreset(preset),
    }),
  ),
  {
    id: 'layers.reset',
    label: 'Reset Layers to Float',
    group: 'Layers',
    shortcut: null,
    keywords: 'discard scales codes',
    blocked: resetBlocked,
    run: resetSelection,
  },
  {
    id: 'layers.previous',
    label: 'Previous Layer',
    group: 'Layers',
    shortcut: '[',
    yieldsToText: true,
    blocked: needsProject,
    run: () => stepLayer(-1),
  },
  {
    id: 'layers.next',
    label: 'Next Layer',
    group: 'Layers',
    shortcut: ']',
    yieldsToText: true,
    blocked: needsProject,
    run: () => stepLayer(1),
  },
  {
    id: 'layers.train',
    label: 'Layer Training',
    group: 'Layers',
    shortcut: null,
    keywords: 'layer-wise reconstruction calibration',
    blocked: trainLayersBlocked,
    run: trainSelection,
  },
  {
    id: 'layers.filter',
    label: 'Filter Layers',
    group: 'Layers',
    shortcut: '$mod+F',
    keywords: 'find search glob',
    blocked: needsProject,
    run: focusLayerFilter,
  },
];

const windowCommands: Command[] = [
  {
    id: 'file.clearRecent',
    label: 'Clear Recent Files',
    group: 'File',
    shortcut: null,
    blocked: ({ recentCount }) => (recentCount > 0 ? null : 'Nothing opened yet'),
    run: clearRecent,
  },
  {
    id: 'view.errorLog',
    label: 'Error Log',
    group: 'View',
    shortcut: '$mod+J',
    keywords: 'problems messages',
    run: () => setLogOpen(!useNotices.getState().logOpen),
  },
  {
    id: 'view.nextPanel',
    label: 'Next Panel',
    group: 'View',
    shortcut: '$mod+`',
    keywords: 'focus',
    run: focusNextPanel,
  },
  {
    id: 'view.resetLayout',
    label: 'Reset Layout',
    group: 'View',
    shortcut: null,
    keywords: 'panels sizes',
    run: resetLayout,
  },
  ...(['dark', 'light', 'system'] as const).map(
    (theme): Command => ({
      id: theme === 'dark' ? 'view.themeDark' : theme === 'light' ? 'view.themeLight' : 'view.themeSystem',
      label: `Theme: ${theme === 'system' ? 'Follow the System' : theme === 'dark' ? 'Dark' : 'Light'}`,
      group: 'View',
      shortcut: null,
      keywords: 'appearance colours',
      run: () => changeSettings({ theme }),
    }),
  ),
];

export const commands: readonly Command[] = [...menuCommands, ...layerCommands, ...windowCommands];

const byId = new Map(commands.map((command) => [command.id, command]));

export function commandById(id: Command['id']): Command {
  const found = byId.get(id);
  if (!found) throw new Error(`no command ${id}`);
  return found;
}
