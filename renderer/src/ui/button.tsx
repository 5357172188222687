import { clsx } from 'clsx';
import type { ComponentPropsWithRef, ReactNode } from 'react';
import { Tooltip } from './tooltip.js';

type Variant = 'default' | 'primary' | 'ghost' | 'danger';
type Size = 'md' | 'sm';

export interface ButtonProps extends Omit<ComponentPropsWithRef<'button'>, 'type' | 'disabled'> {
  variant?: Variant;
  size?: Size;
  icon?: ReactNode;
  /** Shown on hover and focus; with `blocked`, the reason takes its place. */
  tip?: ReactNode;
  shortcut?: string | undefined;
  /**
   * Why the button does nothing now. It stays focusable, so that the reason can be read, and says so to
   * assistive technology; null = it works.
   */
  blocked?: string | null | undefined;
  busy?: boolean;
}

const variants: Record<Variant, string> = {
  default: 'bg-bg3 text-ink border-line hover:border-edge active:bg-bg2',
  primary:
    'bg-accent text-on-accent border-transparent font-semibold hover:brightness-110 active:brightness-95',
  ghost: 'bg-transparent text-ink2 border-transparent hover:bg-bg3 hover:text-ink',
  danger: 'bg-transparent text-bad border-line hover:border-bad',
};
const blockedLook = {
  framed: '!bg-bg2 !text-ink3 !border-line !font-normal !brightness-100',
  bare: '!bg-transparent !text-ink3 opacity-60',
};
const sizes: Record<Size, string> = { md: 'h-7 px-3 text-base', sm: 'h-6 px-2 text-sm' };

export function Button(props: ButtonProps) {
  const {
    variant = 'default',
    size = 'md',
    icon,
    tip,
    shortcut,
    blocked,
    busy,
    className,
    onClick,
    ...rest
  } = props;
  const stopped = Boolean(blocked) || busy;
  const button = (
    <button
      type="button"
      {...rest}
      aria-disabled={stopped || undefined}
      aria-busy={busy || undefined}
      onClick={stopped ? undefined : onClick}
      className={clsx(
        'inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md border whitespace-nowrap',
        sizes[size],
        variants[variant],
        stopped && blockedLook[variant === 'ghost' ? 'bare' : 'framed'],
        className,
      )}
    >
      {icon}
      {rest.children}
    </button>
  );
  const content = blocked ?? tip;
  if (!content && !shortcut) return button;
  return (
    <Tooltip content={content} shortcut={blocked ? undefined : shortcut}>
      {button}
    </Tooltip>
  );
}

export interface IconButtonProps extends Omit<ButtonProps, 'icon' | 'children' | 'variant'> {
  /** The button's name, also its tooltip. */
  label: string;
  icon: ReactNode;
  variant?: Variant;
}

export function IconButton({
  label,
  icon,
  size = 'md',
  variant = 'ghost',
  tip,
  className,
  ...rest
}: IconButtonProps) {
  return (
    <Button
      {...rest}
      size={size}
      variant={variant}
      tip={tip ?? label}
      aria-label={label}
      icon={icon}
      className={clsx('!px-0', size === 'md' ? 'w-7' : 'w-6', className)}
    />
  );
}
