import type { ReactNode } from 'react';
import type { Transform, TransformPlan } from '../../host/contract.js';
import { transformTable } from '../../host/contract.js';
import { Checkbox, PartNote } from '../../ui/index.js';
import { missingFolds, type Off, shortName, toggled } from './choice.js';

export interface ChoiceListProps {
  plan: TransformPlan;
  off: Off;
  onChange(off: Off): void;
  disabled: boolean;
}

/** The batch norms and pairs of the network, each with a check box, or with why there is none. */
export function ChoiceList({ plan, off, onChange, disabled }: ChoiceListProps) {
  return (
    <div className="flex flex-col gap-4">
      <Part transform="fold" title="Batch norms to fold" empty="The network has no batch norm.">
        {plan.folds.map(({ norm, layer, reason }) => (
          <Item
            key={norm}
            name={`${shortName(norm)}${layer === null ? '' : ` into ${layer}`}`}
            reason={reason}
            disabled={disabled || layer === null}
            checked={layer !== null && !off.folds.includes(norm)}
            onChange={() => onChange({ ...off, folds: toggled(off.folds, norm) })}
          />
        ))}
      </Part>
      <Part transform="equalize" title="Layers to equalise" empty="No layer follows another one.">
        {plan.pairs.map((pair) => {
          const missing = missingFolds(pair, off).map(shortName);
          const needed = missing.length > 0 ? `Fold ${missing.join(', ')} first.` : null;
          const possible = pair.to !== null && needed === null;
          return (
            <Item
              key={pair.from}
              name={pair.to === null ? pair.from : `${pair.from} and ${pair.to}`}
              note={pair.to === null ? null : `over ${pair.through.join(', ') || 'nothing'}`}
              reason={pair.reason ?? needed}
              disabled={disabled || !possible}
              checked={possible && !off.pairs.includes(pair.from)}
              onChange={() => onChange({ ...off, pairs: toggled(off.pairs, pair.from) })}
            />
          );
        })}
      </Part>
    </div>
  );
}

interface PartProps {
  transform: Transform;
  title: string;
  empty: string;
  children: ReactNode[];
}

function Part({ transform, title, empty, children }: PartProps) {
  return (
    <section aria-label={title}>
      <h3 className="mb-1.5 flex items-center gap-2 text-sm font-semibold">
        {title}
        <PartNote part={transformTable[transform]} side="right" />
      </h3>
      {children.length === 0 ? (
        <p className="text-sm text-ink3">{empty}</p>
      ) : (
        <ul className="flex flex-col gap-1">{children}</ul>
      )}
    </section>
  );
}

interface ItemProps {
  name: string;
  note?: string | null;
  /** Why it cannot be chosen. */
  reason: string | null;
  checked: boolean;
  disabled: boolean;
  onChange(): void;
}

function Item({ name, note, reason, checked, disabled, onChange }: ItemProps) {
  return (
    <li>
      <Checkbox
        label={
          <>
            <span className={reason === null ? '' : 'text-ink2'}>{name}</span>
            {note ? <span className="text-ink3"> {note}</span> : null}
          </>
        }
        checked={checked}
        disabled={disabled}
        onChange={onChange}
      />
      {reason === null ? null : <p className="pl-6 text-xs text-ink3">{reason}</p>}
    </li>
  );
}
