import { Command } from 'cmdk';
import { Search } from 'lucide-react';
import { openFolder, openModel, selectLayers, useProject } from '../host/index.js';
import { CutText, Dialog, Kbd } from '../ui/index.js';
import { commandGroups } from './commands/command.js';
import { commands } from './commands/registry.js';
import { runCommand, useCommandContext } from './commands/use-commands.js';
import { closeDialog, useDialogs } from './dialogs-store.js';

/** More layers than this would only slow the list; the filter of the layer panel is for those. */
const maxLayersListed = 200;

const item =
  'flex min-h-8 items-center gap-3 rounded-md px-2.5 text-base data-[selected=true]:bg-bg3 data-[disabled=true]:text-ink3';
const group =
  '[&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-ink3';

function CommandItems() {
  const context = useCommandContext();
  return commandGroups.map((name) => (
    <Command.Group key={name} heading={name} className={group}>
      {commands
        .filter((command) => command.group === name && command.id !== 'view.palette')
        .map((command) => {
          const blocked = command.blocked?.(context) ?? null;
          return (
            <Command.Item
              key={command.id}
              value={`${command.label} ${command.id}`}
              keywords={[name, command.keywords ?? '']}
              disabled={blocked !== null}
              onSelect={() => {
                closeDialog();
                void runCommand(command);
              }}
              className={item}
            >
              <span className="whitespace-nowrap">{command.labelNow?.(context) ?? command.label}</span>
              <span className="min-w-0 flex-1 truncate text-sm text-ink3">{blocked}</span>
              {command.shortcut ? <Kbd binding={command.shortcut} /> : null}
            </Command.Item>
          );
        })}
    </Command.Group>
  ));
}

function LayerItems() {
  const layers = useProject((state) => state.project?.model.layers);
  if (!layers?.length) return null;
  return (
    <Command.Group heading="Go to layer" className={group}>
      {layers.slice(0, maxLayersListed).map((layer) => (
        <Command.Item
          key={layer.name}
          value={`layer ${layer.name}`}
          onSelect={() => {
            closeDialog();
            selectLayers([layer.name]);
          }}
          className={item}
        >
          <CutText text={layer.name} className="flex-1" />
          <span className="figure text-ink3">{layer.shape.join(' × ')}</span>
        </Command.Item>
      ))}
    </Command.Group>
  );
}

function RecentItems() {
  const recent = useProject((state) => state.recent);
  const present = recent.filter((entry) => !entry.missing);
  if (present.length === 0) return null;
  return (
    <Command.Group heading="Recent" className={group}>
      {present.map((entry) => (
        <Command.Item
          key={entry.path}
          value={`recent ${entry.name} ${entry.path}`}
          onSelect={() => {
            closeDialog();
            void (entry.kind === 'model' ? openModel(entry.path) : openFolder(entry.path));
          }}
          className={item}
        >
          <span>{entry.name}</span>
          <span className="min-w-0 flex-1 truncate text-right text-sm text-ink3">{entry.path}</span>
        </Command.Item>
      ))}
    </Command.Group>
  );
}

/** Every command, layer and recent file, found by typing. */
export function CommandPalette() {
  const open = useDialogs((state) => state.open === 'palette');
  return (
    <Dialog
      open={open}
      onOpenChange={(next) => !next && closeDialog()}
      title="Command palette"
      hideTitle
      className="!top-[12vh] !translate-y-0 w-[min(620px,92vw)]"
    >
      <Command label="Command palette" loop>
        <div className="flex items-center gap-2 border-b border-line px-3">
          <Search aria-hidden className="size-4 text-ink3" />
          <Command.Input
            placeholder="Type a command, a layer, a file…"
            className="h-11 w-full bg-transparent text-lg outline-none placeholder:text-ink3"
          />
        </div>
        <Command.List className="max-h-[52vh] overflow-y-auto p-1.5">
          <Command.Empty className="p-6 text-center text-sm text-ink2">
            Nothing is called that. Try “train”, “4 bits” or the name of a layer.
          </Command.Empty>
          <CommandItems />
          <LayerItems />
          <RecentItems />
        </Command.List>
      </Command>
    </Dialog>
  );
}
