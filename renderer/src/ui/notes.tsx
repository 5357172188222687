import { TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';

/** Something that is amiss, and what to do about it, where it is seen. */
export function Warning({ children, remedy }: { children: ReactNode; remedy?: ReactNode }) {
  return (
    <p role="status" className="flex gap-1.5 text-sm">
      <TriangleAlert aria-hidden className="mt-[3px] size-3.5 shrink-0 text-warn" />
      <span>
        {children} {remedy ? <span className="text-ink2">{remedy}</span> : null}
      </span>
    </p>
  );
}
