import { clsx } from 'clsx';
import type { ComponentPropsWithRef } from 'react';

/** A scrolling part of the window. Native scrollbars: Radix's ScrollArea writes a `<style>`, which CSP forbids. */
export function ScrollArea({ className, ...rest }: ComponentPropsWithRef<'div'>) {
  return <div {...rest} className={clsx('min-h-0 min-w-0 overflow-auto', className)} />;
}
