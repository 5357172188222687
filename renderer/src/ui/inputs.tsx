import { clsx } from 'clsx';
import { Check, Minus, Search, X } from 'lucide-react';
import { Checkbox as CheckboxPrimitive } from 'radix-ui';
import { type ComponentPropsWithRef, type ReactNode, type Ref, useId } from 'react';

const box =
  'h-7 w-full rounded-md border border-line bg-bg2 px-2 text-base text-ink placeholder:text-ink3 hover:border-edge disabled:opacity-50 aria-[invalid=true]:border-bad select-text';

/** A control under its name; `hint` stands at the right of the name. */
export function Field({ label, hint, children }: { label: string; hint?: ReactNode; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <div className="mb-1 flex h-[17px] items-center gap-2 text-sm text-ink2">
        <span className="flex-1 whitespace-nowrap">{label}</span>
        {hint ? <span className="truncate text-xs text-ink3">{hint}</span> : null}
      </div>
      {children}
    </div>
  );
}

export interface CheckboxProps {
  label: ReactNode;
  /** Null: some of several. */
  checked: boolean | null;
  onChange(checked: boolean): void;
  disabled?: boolean;
  /** Only for assistive technology. */
  hideLabel?: boolean;
}

export function Checkbox({ label, checked, onChange, disabled, hideLabel }: CheckboxProps) {
  const id = useId();
  return (
    <span className="inline-flex items-center gap-2">
      <CheckboxPrimitive.Root
        id={id}
        checked={checked === null ? 'indeterminate' : checked}
        onCheckedChange={(next) => onChange(next === true)}
        disabled={disabled}
        className="flex size-4 shrink-0 items-center justify-center rounded-sm border border-edge bg-bg2 text-on-accent data-[state=checked]:border-accent data-[state=checked]:bg-accent data-[state=indeterminate]:border-accent data-[state=indeterminate]:bg-accent"
      >
        <CheckboxPrimitive.Indicator>
          {checked === null ? <Minus className="size-3 stroke-3" /> : <Check className="size-3 stroke-3" />}
        </CheckboxPrimitive.Indicator>
      </CheckboxPrimitive.Root>
      <label htmlFor={id} className={clsx('text-sm', hideLabel && 'sr-only')}>
        {label}
      </label>
    </span>
  );
}

export function TextField({ className, ...rest }: ComponentPropsWithRef<'input'>) {
  return (
    <input type="text" spellCheck={false} autoComplete="off" {...rest} className={clsx(box, className)} />
  );
}

export interface SearchFieldProps {
  label: string;
  value: string;
  onChange(value: string): void;
  placeholder?: string;
  ref?: Ref<HTMLInputElement>;
  onKeyDown?: ComponentPropsWithRef<'input'>['onKeyDown'];
}

export function SearchField({ label, value, onChange, placeholder, ref, onKeyDown }: SearchFieldProps) {
  return (
    <div className="relative">
      <Search aria-hidden className="pointer-events-none absolute top-[7px] left-2 size-3.5 text-ink3" />
      <TextField
        ref={ref}
        role="searchbox"
        aria-label={label}
        value={value}
        placeholder={placeholder}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={onKeyDown}
        className="!px-7"
      />
      {value ? (
        <button
          type="button"
          aria-label="Clear"
          onClick={() => onChange('')}
          className="absolute top-1 right-1 flex size-5 items-center justify-center rounded-sm text-ink3 hover:text-ink"
        >
          <X className="size-3.5" />
        </button>
      ) : null}
    </div>
  );
}
