import { FolderOpen, Layers } from 'lucide-react';
import { useState } from 'react';
import type { TransformChoice, TransformRecord } from '../../host/contract.js';
import {
  forgetTransformed,
  openTransformed,
  showInFolder,
  useLatestRequest,
  useProject,
  useTransforms,
  writeTransformed,
} from '../../host/index.js';
import { Button, Dialog, EmptyState, ErrorState } from '../../ui/index.js';
import { ChangedLayers } from './changed-layers.js';
import { chosen, isEmpty, nothingOff } from './choice.js';
import { ChoiceList } from './choice-list.js';
import { JobProgress } from './job-progress.js';
import { RecordView } from './record-view.js';

/** Asking for every click would only cancel what the click before had asked for. */
const restMs = 150;

export interface ModelDialogProps {
  open: boolean;
  onClose(): void;
}

/** Folds batch norms and equalises channels of the open model, into a new file. */
export function TransformDialog({ open, onClose }: ModelDialogProps) {
  const [off, setOff] = useState(nothingOff);
  const project = useProject((state) => state.project?.id ?? '');
  const { writing, latest, error } = useTransforms();
  const plan = useLatestRequest('model.transforms', open ? {} : null, { revision: project });
  const choice = plan.data && chosen(plan.data, off);
  const nothingToDo = plan.data !== null && isEmpty(chosen(plan.data, nothingOff));
  return (
    <Dialog
      open={open}
      onOpenChange={(next) => !next && onClose()}
      title="Fold and equalise"
      description={
        latest
          ? undefined
          : 'Makes the float network easier to quantize and leaves its outputs as they are. A new file is written and proven; the open model is not changed.'
      }
      className="w-[min(960px,94vw)]"
      footer={
        latest ? (
          <WrittenFooter record={latest} onClose={onClose} />
        ) : (
          <>
            {writing ? <JobProgress kind="transform" /> : null}
            <Button
              variant="primary"
              busy={writing}
              blocked={blockedBy(choice, nothingToDo)}
              onClick={() => choice && void writeTransformed(choice)}
            >
              Write new file…
            </Button>
          </>
        )
      }
    >
      {latest ? (
        <RecordView record={latest} />
      ) : plan.error ? (
        <ErrorState error={plan.error} />
      ) : plan.data?.reason ? (
        <EmptyState icon={<Layers />} title="There is no network to look at">
          {plan.data.reason}
        </EmptyState>
      ) : plan.data && choice ? (
        <div className="flex flex-col gap-3">
          {error ? <ErrorState error={error} className="!m-0 !max-w-none !p-0" /> : null}
          <div className="grid grid-cols-2 gap-6 max-md:grid-cols-1">
            <ChoiceList plan={plan.data} off={off} onChange={setOff} disabled={writing} />
            <Figures choice={choice} open={open} revision={project} />
          </div>
        </div>
      ) : null}
    </Dialog>
  );
}

function blockedBy(choice: TransformChoice | null, nothingToDo: boolean): string | null {
  if (nothingToDo) return 'Nothing in this network can be folded or equalised';
  return choice && !isEmpty(choice) ? null : 'Choose at least one batch norm or pair';
}

function Figures({ choice, open, revision }: { choice: TransformChoice; open: boolean; revision: string }) {
  const asked = open && !isEmpty(choice) ? choice : null;
  const tried = useLatestRequest('model.tryTransforms', asked, { delayMs: restMs, revision });
  return (
    <section aria-label="What it does to the weights" aria-busy={tried.loading}>
      <h3 className="mb-1.5 text-sm font-semibold">What it does to the weights</h3>
      {isEmpty(choice) ? (
        <p className="text-sm text-ink3">Nothing is chosen.</p>
      ) : tried.error ? (
        <ErrorState error={tried.error} className="!m-0 !p-0" />
      ) : tried.data ? (
        <ChangedLayers layers={tried.data.layers} />
      ) : (
        <p className="text-sm text-ink3">Computing…</p>
      )}
    </section>
  );
}

function WrittenFooter({ record, onClose }: { record: TransformRecord; onClose(): void }) {
  return (
    <>
      <Button onClick={forgetTransformed}>Back</Button>
      <Button icon={<FolderOpen className="size-3.5" />} onClick={() => void showInFolder(record.path)}>
        Show in folder
      </Button>
      <Button
        variant="primary"
        onClick={() => {
          onClose();
          void openTransformed(record);
        }}
      >
        Open the new file
      </Button>
    </>
  );
}
