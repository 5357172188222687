import { Redo2, Search, Undo2 } from 'lucide-react';
import type { ProjectState } from '../host/contract.js';
import { useProject } from '../host/index.js';
import { Button, IconButton, Kbd } from '../ui/index.js';
import type { CommandId } from './commands/command.js';
import { useCommand } from './commands/use-commands.js';

interface CommandButtonProps {
  id: CommandId;
  label: string;
  tip: string;
  primary?: boolean;
  busy?: boolean;
}

function CommandButton({ id, label, tip, primary, busy }: CommandButtonProps) {
  const command = useCommand(id);
  return (
    <Button
      variant={primary ? 'primary' : 'default'}
      blocked={command.blocked}
      busy={busy ?? false}
      tip={tip}
      shortcut={command.shortcut}
      onClick={command.run}
    >
      {label}
    </Button>
  );
}

function HistoryButton({ id, icon }: { id: 'edit.undo' | 'edit.redo'; icon: React.ReactNode }) {
  const command = useCommand(id);
  return (
    <IconButton
      label={id === 'edit.undo' ? 'Undo' : 'Redo'}
      tip={command.label}
      icon={icon}
      blocked={command.blocked}
      shortcut={command.shortcut}
      onClick={command.run}
    />
  );
}

/** What tells the project from others with the same model; null when its name says no more. */
function projectWords({ sample, name, model }: ProjectState): string | null {
  if (sample) return 'sample project';
  return name === model.name ? null : name;
}

/** Product, project, history, palette, and the four steps of the work. */
export function TopBar() {
  const project = useProject((state) => state.project);
  const busy = useProject((state) => state.busy);
  const palette = useCommand('view.palette');
  const where = project ? projectWords(project) : null;
  return (
    <header className="flex h-11 shrink-0 items-center gap-2 border-b border-line bg-bg1 px-3.5">
      <h1 className="font-[650] whitespace-nowrap">QAT Workbench</h1>
      {project ? (
        <p className="ml-1 flex min-w-0 items-baseline gap-2 text-ink2" title={project.folder}>
          <span className="truncate">{project.model.name}</span>
          {where ? (
            <>
              <span aria-hidden className="text-ink3">
                ·
              </span>
              <span className="truncate">{where}</span>
            </>
          ) : null}
        </p>
      ) : null}
      {project ? (
        <div className="ml-1 flex">
          <HistoryButton id="edit.undo" icon={<Undo2 className="size-4" />} />
          <HistoryButton id="edit.redo" icon={<Redo2 className="size-4" />} />
        </div>
      ) : null}
      <span className="flex-1" />
      <button
        type="button"
        onClick={palette.run}
        className="flex h-7 items-center gap-2 rounded-md border border-line bg-bg2 px-2 text-sm text-ink3 hover:border-edge hover:text-ink2"
      >
        <Search aria-hidden className="size-3.5" />
        <span className="pr-4 whitespace-nowrap max-xl:hidden">Search commands</span>
        <Kbd binding={palette.shortcut ?? '$mod+K'} />
      </button>
      {project ? (
        <div className="ml-1.5 flex gap-2">
          <CommandButton
            id="run.prepare"
            label="Prepare"
            tip="Set the scales of the selected layers from their weights"
            busy={busy === 'prepare'}
          />
          <CommandButton
            id="run.quantize"
            label="Quantize"
            tip="Make the packed integer weights of the selected layers"
            busy={busy === 'quantize'}
          />
          <CommandButton id="run.train" label="Train" tip="Train the network with these quantizers" primary />
          <CommandButton id="file.export" label="Export…" tip="Write packed weights and prove them" />
        </div>
      ) : null}
    </header>
  );
}
