import { clsx } from 'clsx';
import { X } from 'lucide-react';
import { Dialog as Primitive } from 'radix-ui';
import type { ReactNode } from 'react';

export interface DialogProps {
  open: boolean;
  onOpenChange(open: boolean): void;
  title: string;
  description?: ReactNode;
  children: ReactNode;
  /** Buttons at the bottom right. */
  footer?: ReactNode;
  className?: string;
  /** The title is only for assistive technology. */
  hideTitle?: boolean;
}

/** A modal dialog. The ground is ours: Radix's overlay writes a `<style>` for its scroll lock, which CSP forbids. */
export function Dialog(props: DialogProps) {
  const { open, onOpenChange, title, description, children, footer, className, hideTitle } = props;
  return (
    <Primitive.Root open={open} onOpenChange={onOpenChange}>
      <Primitive.Portal>
        <div aria-hidden className="fixed inset-0 z-40 bg-overlay" />
        <Primitive.Content
          {...(description ? {} : { 'aria-describedby': undefined })}
          className={clsx(
            'pop-in fixed top-1/2 left-1/2 z-40 flex max-h-[86vh] w-[min(560px,92vw)] -translate-x-1/2 -translate-y-1/2 flex-col overflow-hidden rounded-lg border border-line bg-bg1',
            className,
          )}
        >
          {hideTitle ? (
            <Primitive.Title className="sr-only">{title}</Primitive.Title>
          ) : (
            <header className="flex items-center gap-3 border-b border-line py-2 pr-2 pl-4">
              <Primitive.Title className="flex-1 text-base font-semibold">{title}</Primitive.Title>
              <Primitive.Close
                aria-label="Close"
                className="flex size-7 items-center justify-center rounded-md text-ink2 hover:bg-bg3 hover:text-ink"
              >
                <X className="size-4" />
              </Primitive.Close>
            </header>
          )}
          <div
            // What scrolls must scroll by keyboard too; the palette has its own field for that.
            tabIndex={hideTitle ? undefined : 0}
            className={clsx(
              'min-h-0 flex-1 overflow-y-auto focus-visible:-outline-offset-2',
              hideTitle ? '' : 'p-4',
            )}
          >
            {description ? (
              <Primitive.Description className="mb-3 text-sm text-ink2">{description}</Primitive.Description>
            ) : null}
            {children}
          </div>
          {footer ? (
            <footer className="flex items-center justify-end gap-2 border-t border-line px-4 py-2.5">
              {footer}
            </footer>
          ) : null}
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}
