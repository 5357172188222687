import { Undo2, X } from 'lucide-react';
import { useEffect } from 'react';
import { forgetAdjustments, undo, useAdjustments, useSelection } from '../../host/index.js';
import { Button, IconButton } from '../../ui/index.js';

/** What the last edit changed besides what was chosen, and the way back; gone with the next edit or selection. */
export function AdjustmentNote() {
  const { lines } = useAdjustments();
  const selected = useSelection((state) => state.layers);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the note is about the layers that were selected
  useEffect(() => forgetAdjustments, [selected]);
  return (
    <div role="status" className="empty:-mt-[9px]">
      {lines.length > 0 ? (
        <div className="rounded-md border border-accent/40 bg-accent-soft/40 py-1 pr-1 pl-2.5 text-sm text-ink2">
          <span className="float-right flex">
            <Button
              size="sm"
              variant="ghost"
              icon={<Undo2 aria-hidden className="size-3.5" />}
              tip="Take the whole edit back"
              onClick={undo}
            >
              Undo
            </Button>
            <IconButton
              size="sm"
              label="Dismiss"
              icon={<X aria-hidden className="size-3.5" />}
              onClick={forgetAdjustments}
            />
          </span>
          <ul className="py-0.5 pr-1.5">
            {lines.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        </div>
      ) : null}
    </div>
  );
}
