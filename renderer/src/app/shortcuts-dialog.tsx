import { Dialog, Kbd } from '../ui/index.js';
import { commandGroups } from './commands/command.js';
import { commands } from './commands/registry.js';
import { closeDialog, useDialogs } from './dialogs-store.js';

/** Keys that belong to one control and are no commands. */
const localKeys: readonly { what: string; keys: readonly string[] }[] = [
  { what: 'Move in the layer list', keys: ['↑', '↓', 'Home', 'End'] },
  { what: 'Extend the selection', keys: ['Shift+↑', 'Shift+↓'] },
  { what: 'Add or remove a layer', keys: ['$mod+Click', 'Space'] },
  { what: 'Resize panels (on a separator)', keys: ['←', '→'] },
  { what: 'Go to the errors', keys: ['F8'] },
  { what: 'Close a dialog, a menu or a notice', keys: ['Escape'] },
];

function Row({ what, keys, note }: { what: string; keys: readonly string[]; note?: string }) {
  return (
    <div className="flex min-h-7 items-center gap-2">
      <span className="flex-1">
        {what}
        {note ? <span className="text-xs text-ink3"> · {note}</span> : null}
      </span>
      {keys.map((key) => (
        <Kbd key={key} binding={key} />
      ))}
    </div>
  );
}

export function ShortcutsDialog() {
  const open = useDialogs((state) => state.open === 'shortcuts');
  return (
    <Dialog
      open={open}
      onOpenChange={(next) => !next && closeDialog()}
      title="Keyboard shortcuts"
      className="w-[min(760px,94vw)]"
    >
      <div className="columns-2 gap-8 max-md:columns-1">
        {commandGroups.map((group) => {
          const withKeys = commands.filter((command) => command.group === group && command.shortcut);
          if (withKeys.length === 0) return null;
          return (
            <section key={group} className="mb-4 break-inside-avoid">
              <h3 className="mb-1 text-sm font-semibold text-ink2">{group}</h3>
              {withKeys.map((command) => (
                <Row
                  key={command.id}
                  what={command.label}
                  keys={[command.shortcut, command.alias].filter((key): key is string => Boolean(key))}
                  {...(command.scope ? { note: 'in the layer list' } : {})}
                />
              ))}
            </section>
          );
        })}
        <section className="break-inside-avoid">
          <h3 className="mb-1 text-sm font-semibold text-ink2">In place</h3>
          {localKeys.map((row) => (
            <Row key={row.what} what={row.what} keys={row.keys} />
          ))}
        </section>
      </div>
    </Dialog>
  );
}
