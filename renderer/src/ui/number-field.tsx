import { useEffect, useId, useState } from 'react';
import { formatCount } from './format.js';
import { TextField } from './inputs.js';

export interface NumberFieldProps {
  label: string;
  /** Null: the values are mixed. */
  value: number | null;
  onChange(value: number): void;
  min: number;
  max: number;
  /** Whole numbers only. */
  integer?: boolean;
  /** What the arrow keys add; `scale` multiplies and divides by 2 instead. */
  step?: number | 'scale';
  disabled?: boolean;
  id?: string;
}

/** ARIA values are plain decimals: `1e-8` is not one, although React would write it so. */
function ariaNumber(value: number | null): number | undefined {
  if (value === null) return undefined;
  const written = value.toLocaleString('en', { useGrouping: false, maximumFractionDigits: 20 });
  return written as unknown as number;
}

/** `1 to 10 000, whole` */
export function rangeText({ min, max, integer }: Pick<NumberFieldProps, 'min' | 'max' | 'integer'>): string {
  const plain = (value: number) =>
    Number.isInteger(value) ? formatCount(value) : String(value).replaceAll('-', '−');
  return `${plain(min)} to ${plain(max)}${integer ? ', whole' : ''}`;
}

/**
 * Takes effect on Enter, on leaving the field and on the arrow keys. What is not a legal number is refused in words
 * under the field, which shows the value in use again once it is left.
 */
export function NumberField(props: NumberFieldProps) {
  const { label, value, onChange, min, max, integer, step = 1, disabled, id } = props;
  const [text, setText] = useState<string | null>(null);
  const [refused, setRefused] = useState<string | null>(null);
  const messageId = useId();
  const type = (next: string | null) => {
    setText(next);
    setRefused(null);
  };
  useEffect(() => {
    if (value !== null) setText(null);
    setRefused(null);
  }, [value]);
  const shown = text ?? (value === null ? '' : String(value));
  const parsed = Number(shown);
  const legal =
    shown.trim() !== '' && parsed >= min && parsed <= max && (!integer || Number.isInteger(parsed));
  const invalid = text !== null && text.trim() !== '' && !legal;

  const take = () => {
    if (text !== null && legal && parsed !== value) onChange(parsed);
    setText(null);
  };
  const leave = () => {
    if (invalid) setRefused(text.trim());
    take();
  };
  const nudge = (direction: 1 | -1) => {
    const base = value ?? min;
    const raw = step === 'scale' ? (direction > 0 ? base * 2 : base / 2) : base + direction * step;
    const next = Math.min(max, Math.max(min, integer ? Math.round(raw) : Number(raw.toPrecision(6))));
    type(null);
    if (next !== value) onChange(next);
  };
  const message = invalid
    ? rangeText(props)
    : refused === null
      ? null
      : `Not ${refused.slice(0, 20)}: ${rangeText(props)}`;
  return (
    <>
      <TextField
        id={id}
        aria-label={label}
        inputMode="decimal"
        role="spinbutton"
        aria-valuenow={ariaNumber(value)}
        aria-valuemin={ariaNumber(min)}
        aria-valuemax={ariaNumber(max)}
        aria-invalid={invalid}
        aria-describedby={message === null ? undefined : messageId}
        disabled={disabled}
        value={shown}
        placeholder={value === null ? 'mixed' : undefined}
        onChange={(event) => type(event.target.value)}
        onBlur={leave}
        onKeyDown={(event) => {
          event.stopPropagation();
          if (event.key === 'Enter') {
            if (!invalid) take();
          } else if (event.key === 'Escape') type(null);
          else if (event.key === 'ArrowUp') nudge(1);
          else if (event.key === 'ArrowDown') nudge(-1);
          else return;
          event.preventDefault();
        }}
        className="figure"
      />
      {message === null ? null : (
        <p id={messageId} role="alert" className="mt-0.5 text-xs text-bad">
          {message}
        </p>
      )}
    </>
  );
}
