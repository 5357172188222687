import { clsx } from 'clsx';
import type { AllocatedBits } from '../../host/contract.js';

export interface BitsTogglesProps {
  label: string;
  all: readonly AllocatedBits[];
  chosen: readonly AllocatedBits[];
  onChange(chosen: AllocatedBits[]): void;
}

/** Any of the bit-widths, at least one, each in its colour. */
export function BitsToggles({ label, all, chosen, onChange }: BitsTogglesProps) {
  return (
    <fieldset aria-label={label} className="grid auto-cols-fr grid-flow-col gap-1">
      {all.map((bits) => {
        const on = chosen.includes(bits);
        const last = on && chosen.length === 1;
        return (
          <button
            key={bits}
            type="button"
            aria-label={bits === 1 ? '1 bit' : `${bits} bits`}
            aria-pressed={on}
            aria-disabled={last || undefined}
            title={last ? 'At least one is needed' : undefined}
            data-bits={bits}
            onClick={() => {
              if (!last) onChange(all.filter((other) => (other === bits ? !on : chosen.includes(other))));
            }}
            className={clsx(
              'figure h-7 rounded-md border text-center',
              on
                ? 'border-transparent bg-[var(--bits)] font-semibold text-on-bits'
                : 'border-line bg-bg2 text-ink2 hover:border-edge hover:text-ink',
            )}
          >
            {bits}
          </button>
        );
      })}
    </fieldset>
  );
}
