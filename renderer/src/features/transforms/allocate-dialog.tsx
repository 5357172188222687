import { useState } from 'react';
import type { Allocation } from '../../host/contract.js';
import {
  applyAllocation,
  changedBits,
  useAllocationInput,
  useConfiguration,
  useLatestRequest,
  useProject,
} from '../../host/index.js';
import { Button, Dialog, ErrorState, formatBytes, formatNumber, plural } from '../../ui/index.js';
import { AllocationChart } from './allocation-chart.js';
import { AllocationTable } from './allocation-table.js';
import { BudgetControls } from './budget-controls.js';
import { JobProgress } from './job-progress.js';
import type { ModelDialogProps } from './transform-dialog.js';

/** A budget being typed is not asked for letter by letter. */
const restMs = 250;

/** Proposes bits for the layers within a budget, and gives them in one step. */
export function AllocateDialog({ open, onClose }: ModelDialogProps) {
  const input = useAllocationInput();
  const settled = useConfiguration((state) => !state.pending);
  const project = useProject((state) => state.project?.id ?? '');
  const [attempt, setAttempt] = useState(0);
  const asked = useLatestRequest('model.allocate', open && settled ? input : null, {
    // The layers' quantizers are part of the question, and the engine knows them.
    cached: false,
    delayMs: restMs,
    revision: `${project} ${attempt}`,
  });
  const [last, setLast] = useState<Allocation | null>(null);
  if (asked.data && asked.data !== last) setLast(asked.data);
  const allocation = asked.loading || asked.error ? null : asked.data;
  const changes = allocation ? changedBits(allocation) : 0;
  const apply = () => {
    if (!allocation) return;
    applyAllocation(allocation);
    onClose();
  };
  return (
    <Dialog
      open={open}
      onOpenChange={(next) => !next && onClose()}
      title="Allocate bits"
      description="Measures what each layer loses at each number of bits and proposes the mix with the least sum within a budget. Nothing changes before you apply it; then one undo takes it back."
      className="w-[min(960px,94vw)]"
      footer={
        <>
          {asked.loading ? <JobProgress kind="allocate" /> : null}
          {allocation ? <Totals allocation={allocation} /> : null}
          <Button variant="primary" blocked={blockedBy(allocation, changes)} onClick={apply}>
            {changes > 0 ? `Apply to ${plural(changes, 'layer')}` : 'Apply'}
          </Button>
        </>
      }
    >
      <div className="grid grid-cols-[15rem_minmax(0,1fr)] gap-6 max-md:grid-cols-1">
        <BudgetControls />
        <section aria-label="Proposal" aria-busy={asked.loading} className="flex min-w-0 flex-col gap-3">
          {asked.error ? (
            <ErrorState
              error={asked.error}
              onRetry={() => setAttempt((now) => now + 1)}
              className="!m-0 !max-w-none !p-0"
            />
          ) : null}
          {/* Refused for a budget or for what is kept: the layers stay in sight, to be freed. */}
          {asked.error && last ? <AllocationTable allocation={withoutProposal(last)} /> : null}
          {asked.error ? null : asked.data ? (
            <>
              <AllocationChart allocation={asked.data} />
              <AllocationTable allocation={asked.data} />
              {asked.data.exact ? null : (
                <p className="text-xs text-ink3">
                  Too many combinations for the exact answer: this one was found greedily.
                </p>
              )}
            </>
          ) : (
            <p className="m-auto text-sm text-ink3">Measuring…</p>
          )}
        </section>
      </div>
    </Dialog>
  );
}

function withoutProposal(allocation: Allocation): Allocation {
  return { ...allocation, layers: allocation.layers.map((row) => ({ ...row, proposed: row.now })) };
}

function blockedBy(allocation: Allocation | null, changes: number): string | null {
  if (!allocation) return 'There is no proposal yet';
  return changes > 0 ? null : 'The layers have these bits already';
}

function Totals({ allocation: { now, proposed } }: { allocation: Allocation }) {
  const change = (of: (total: typeof now) => string, name = '') => (
    <span className="whitespace-nowrap">
      <span className="text-ink3">
        {name} {of(now)} →{' '}
      </span>
      {of(proposed)}
    </span>
  );
  return (
    <p className="figure flex min-w-0 flex-1 flex-wrap gap-x-4" data-selectable>
      {change(({ bits }) => `${bits.toFixed(2)} bits`)}
      {change(({ bytes }) => formatBytes(bytes))}
      {change(({ error }) => formatNumber(error, 3), 'error')}
    </p>
  );
}
