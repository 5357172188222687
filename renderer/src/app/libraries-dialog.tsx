import { Trash2 } from 'lucide-react';
import type { LibraryState } from '../host/contract.js';
import { addLibrary, removeLibrary, useLibraries } from '../host/index.js';
import { Button, Dialog } from '../ui/index.js';
import { closeDialog, useDialogs } from './dialogs-store.js';

/** `2, 3, 4, 5` → `2–5`. */
function bitsText(bits: readonly number[]): string {
  const first = bits[0] ?? 0;
  const last = bits.at(-1) ?? 0;
  const gapless = bits.length > 2 && last - first === bits.length - 1;
  return `${gapless ? `${first}–${last}` : bits.join(', ')} bits`;
}

function Library({ state }: { state: LibraryState }) {
  const { id, path, sha256, loaded, error } = state;
  const name = loaded ? `${loaded.name} ${loaded.version}` : id;
  return (
    <li className="flex items-start gap-3 border-t border-line py-2.5 first:border-t-0">
      <div className="min-w-0 flex-1">
        <div className="font-semibold">
          {name}
          {loaded ? <span className="ml-2 font-normal text-ink3">{bitsText(loaded.bits)}</span> : null}
        </div>
        {loaded ? (
          <div className="text-sm text-ink2">{loaded.description}</div>
        ) : (
          <div className="text-sm text-bad">Not loaded. {error?.message}</div>
        )}
        {error ? <div className="text-sm text-ink2">{error.remedy}</div> : null}
        <div data-selectable className="figure mt-1 text-xs break-all text-ink3">
          {path}
          <br />
          SHA-256 {sha256}
        </div>
      </div>
      <Button
        size="sm"
        icon={<Trash2 className="size-3.5" />}
        aria-label={`Remove ${name}`}
        onClick={() => void removeLibrary(id)}
      >
        Remove
      </Button>
    </li>
  );
}

/** Which quantizer libraries may run. Off until the user adds one. */
export function LibrariesDialog() {
  const open = useDialogs((state) => state.open === 'libraries');
  const { libraries, busy } = useLibraries();
  return (
    <Dialog
      open={open}
      onOpenChange={(next) => !next && closeDialog()}
      title="Quantizer libraries"
      description="A quantizer of your own, as a shared library. It is native code that runs with your rights: add only what you trust. It is loaded at every start while its file stays the same."
      footer={
        <Button blocked={busy ? 'Answer the open dialog first' : null} onClick={() => void addLibrary()}>
          Add quantizer library…
        </Button>
      }
    >
      {libraries.length === 0 ? (
        <p className="text-ink3">None is added. docs/user-quantizers.md says how to build one.</p>
      ) : (
        <ul aria-label="Quantizer libraries">
          {libraries.map((state) => (
            <Library key={state.id} state={state} />
          ))}
        </ul>
      )}
    </Dialog>
  );
}
