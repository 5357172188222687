import type { ReactNode } from 'react';
import { ErrorBoundary } from 'react-error-boundary';
import { request, toHostError } from '../host/index.js';
import { ErrorState } from '../ui/index.js';

function logFailure(panel: string, thrown: unknown): void {
  const stack = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  const message = `${panel}: ${stack}`.slice(0, 8000);
  // A log that cannot be written must not add a second failure to the first.
  request('app.log', { level: 'error', message }).catch(() => undefined);
}

/** Keeps a failure of one panel inside that panel. */
export function PanelBoundary({ name, children }: { name: string; children: ReactNode }) {
  return (
    <ErrorBoundary
      onError={(thrown) => logFailure(name, thrown)}
      fallbackRender={({ error, resetErrorBoundary }) => (
        <ErrorState
          error={{
            code: 'E-INTERNAL',
            message: `The ${name} panel stopped: ${toHostError(error, name).message}`,
            remedy: 'Show it again. If it stops again, report it with the log (Help > Open Log Folder).',
          }}
          onRetry={resetErrorBoundary}
        />
      )}
    >
      {children}
    </ErrorBoundary>
  );
}
