import { clsx } from 'clsx';
import { Check, ChevronDown } from 'lucide-react';
import { Popover } from 'radix-ui';
import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react';

export interface SelectOption<T extends string> {
  value: T;
  label: string;
  /** Quiet second line in the list. */
  hint?: string | undefined;
  /** Why it cannot be chosen now; shown as the hint. */
  blocked?: string | null | undefined;
}

export interface SelectProps<T extends string> {
  /** The control's name. */
  label: string;
  /** Null: the values are mixed; `placeholder` is shown. */
  value: T | null;
  options: readonly SelectOption<T>[];
  onChange(value: T): void;
  placeholder?: string;
  disabled?: boolean;
  /** Quiet text at the right end of the closed control. */
  suffix?: ReactNode;
  className?: string;
  id?: string;
}

/**
 * A select-only combobox over a listbox (ARIA pattern). Radix's Select writes a `<style>` element, which
 * the page's CSP forbids; this one only positions with Radix's popover.
 */
export function Select<T extends string>(props: SelectProps<T>) {
  const { label, value, options, onChange, placeholder = 'mixed', disabled, suffix, className, id } = props;
  const [open, setOpen] = useState(false);
  const listId = useId();
  const [active, setActive] = useState(0);
  const chosen = options.findIndex((option) => option.value === value);

  const openAt = (index: number) => {
    setActive(Math.max(index, 0));
    setOpen(true);
  };
  const choose = (index: number) => {
    const option = options[index];
    if (!option || option.blocked) return;
    setOpen(false);
    if (option.value !== value) onChange(option.value);
  };
  const onKeyDown = useSelectKeys({
    options,
    open,
    active,
    chosen,
    openAt,
    setActive,
    choose,
    close: () => setOpen(false),
  });

  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Anchor asChild>
        <button
          type="button"
          id={id}
          role="combobox"
          aria-label={label}
          aria-haspopup="listbox"
          aria-expanded={open}
          aria-controls={listId}
          aria-activedescendant={open ? `${listId}-${active}` : undefined}
          disabled={disabled}
          onKeyDown={onKeyDown}
          onClick={() => (open ? setOpen(false) : openAt(chosen))}
          onBlur={() => setOpen(false)}
          className={clsx(
            'flex h-7 w-full items-center gap-2 rounded-md border border-line bg-bg2 px-2 text-left text-base hover:border-edge disabled:opacity-50',
            className,
          )}
        >
          <span className={clsx('min-w-0 flex-1 truncate', chosen < 0 && 'text-ink3 italic')}>
            {options[chosen]?.label ?? placeholder}
          </span>
          {suffix}
          <ChevronDown aria-hidden className="size-3.5 text-ink3" />
        </button>
      </Popover.Anchor>
      <Popover.Portal>
        <Popover.Content
          id={listId}
          role="listbox"
          aria-label={label}
          align="start"
          sideOffset={4}
          collisionPadding={8}
          onOpenAutoFocus={(event) => event.preventDefault()}
          onCloseAutoFocus={(event) => event.preventDefault()}
          className="pop-in z-50 max-h-80 min-w-[var(--radix-popover-trigger-width)] overflow-y-auto rounded-md border border-line bg-bg2 p-1"
        >
          <SelectList
            id={listId}
            options={options}
            active={active}
            chosen={chosen}
            onHover={setActive}
            onChoose={choose}
          />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

interface SelectListProps<T extends string> {
  id: string;
  options: readonly SelectOption<T>[];
  active: number;
  chosen: number;
  onHover(index: number): void;
  onChoose(index: number): void;
}

function SelectList<T extends string>({
  id,
  options,
  active,
  chosen,
  onHover,
  onChoose,
}: SelectListProps<T>) {
  return (
    <>
      {options.map((option, index) => (
        <div
          key={option.value}
          id={`${id}-${index}`}
          role="option"
          tabIndex={-1}
          aria-selected={index === chosen}
          aria-disabled={Boolean(option.blocked)}
          // The button keeps the focus; the list must not take it on press.
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => onChoose(index)}
          onKeyDown={undefined}
          onPointerMove={() => onHover(index)}
          className={clsx(
            'flex min-h-7 items-center gap-2 rounded-sm px-2 py-1',
            index === active && 'bg-bg3',
            option.blocked && 'text-ink3',
          )}
        >
          <span className="flex-1">
            {option.label}
            {option.blocked || option.hint ? (
              <span className="block text-xs text-ink3">{option.blocked ?? option.hint}</span>
            ) : null}
          </span>
          <Check aria-hidden className={clsx('size-3.5 text-accent', index !== chosen && 'invisible')} />
        </div>
      ))}
    </>
  );
}

interface KeyOptions<T extends string> {
  options: readonly SelectOption<T>[];
  open: boolean;
  active: number;
  chosen: number;
  openAt(index: number): void;
  setActive(index: number): void;
  choose(index: number): void;
  close(): void;
}

const typeAheadMs = 600;

function useSelectKeys<T extends string>(keys: KeyOptions<T>) {
  const typed = useRef({ text: '', timer: undefined as ReturnType<typeof setTimeout> | undefined });
  useEffect(() => () => clearTimeout(typed.current.timer), []);

  const typeAhead = (letter: string) => {
    clearTimeout(typed.current.timer);
    typed.current.text += letter.toLowerCase();
    typed.current.timer = setTimeout(() => {
      typed.current.text = '';
    }, typeAheadMs);
    const found = keys.options.findIndex((option) =>
      option.label.toLowerCase().startsWith(typed.current.text),
    );
    if (found < 0) return;
    if (keys.open) keys.setActive(found);
    else keys.openAt(found);
  };

  return (event: KeyboardEvent) => {
    const { key } = event;
    const last = keys.options.length - 1;
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -Infinity, End: Infinity }[key];
    if (step !== undefined) {
      event.preventDefault();
      if (keys.open) keys.setActive(Math.min(last, Math.max(0, keys.active + step)));
      else keys.openAt(keys.chosen);
    } else if (key === 'Enter' || key === ' ') {
      event.preventDefault();
      if (keys.open) keys.choose(keys.active);
      else keys.openAt(keys.chosen);
    } else if (key === 'Escape' && keys.open) {
      event.preventDefault();
      event.stopPropagation();
      keys.close();
    } else if (key === 'Tab' && keys.open) {
      keys.choose(keys.active);
    } else if (key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.stopPropagation();
      typeAhead(key);
    }
  };
}
