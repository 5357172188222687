import { clsx } from 'clsx';

const isMac = navigator.platform.startsWith('Mac');

const names: Record<string, string> = isMac
  ? { $mod: '⌘', Shift: '⇧', Alt: '⌥', Control: '⌃', Enter: '↵', Escape: 'Esc' }
  : { $mod: 'Ctrl', Control: 'Ctrl', Escape: 'Esc', Enter: 'Enter' };

/** A tinykeys binding (`$mod+Shift+e`) as the platform writes it (`Ctrl+Shift+E`). */
export function shortcutText(binding: string): string {
  const parts = binding
    .split('+')
    .map((part) => names[part] ?? (part.length === 1 ? part.toUpperCase() : part));
  return parts.join(isMac ? '' : '+');
}

export function Kbd({ binding, className }: { binding: string; className?: string }) {
  return (
    <kbd
      className={clsx(
        'rounded-sm border border-line px-1 font-mono text-[10.5px] leading-4 text-ink2 whitespace-nowrap',
        className,
      )}
    >
      {shortcutText(binding)}
    </kbd>
  );
}
