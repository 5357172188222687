import { useEffect } from 'react';
import { StatusBar } from '../features/jobs/index.js';
import { connect, followTheme, loadLibraries, useProject } from '../host/index.js';
import { TooltipProvider } from '../ui/index.js';
import { AboutDialog } from './about-dialog.js';
import { CommandPalette } from './command-palette.js';
import { commandById } from './commands/registry.js';
import { bindShortcuts } from './commands/shortcuts.js';
import { runCommand } from './commands/use-commands.js';
import { DropOverlay } from './drop-overlay.js';
import { ErrorLog } from './error-log.js';
import { LibrariesDialog } from './libraries-dialog.js';
import { ModelDialogs } from './model-dialogs.js';
import { OpeningOverlay } from './opening-overlay.js';
import { ShortcutsDialog } from './shortcuts-dialog.js';
import { StartScreen } from './start-screen.js';
import { ErrorNotices, QuietNotice } from './toasts.js';
import { Workbench } from './workbench.js';

function useConnection(): void {
  useEffect(() => {
    const stops = [
      followTheme(),
      bindShortcuts(),
      connect((command) => void runCommand(commandById(command))),
    ];
    void loadLibraries();
    return () => {
      for (const stop of stops) stop();
    };
  }, []);
}

/** The document's title names the project, for the task bar and for assistive technology. */
function useTitle(): void {
  const name = useProject((state) => state.project?.model.name);
  useEffect(() => {
    document.title = name ? `${name} — QAT Workbench` : 'QAT Workbench';
  }, [name]);
}

export function App() {
  useConnection();
  useTitle();
  const loading = useProject((state) => state.loading);
  const open = useProject((state) => state.project !== null);
  return (
    <TooltipProvider delayDuration={450} skipDelayDuration={150}>
      <div className="flex h-full flex-col">
        <div className="min-h-0 flex-1">
          {loading ? <div aria-busy className="h-full bg-bg0" /> : open ? <Workbench /> : <StartScreen />}
        </div>
        <ErrorNotices />
        <div data-panel="status">
          <StatusBar>
            <QuietNotice />
          </StatusBar>
        </div>
      </div>
      <OpeningOverlay />
      <DropOverlay />
      <CommandPalette />
      <ShortcutsDialog />
      <AboutDialog />
      <LibrariesDialog />
      <ModelDialogs />
      <ErrorLog />
    </TooltipProvider>
  );
}
