/** All runs: pick some to overlay them, rename, pause, resume, cancel, delete. */
import { EllipsisVertical } from 'lucide-react';
import { type KeyboardEvent, useState } from 'react';
import { CopyTable } from '../../charts/index.js';
import { isActive, type RunSummary } from '../../host/contract.js';
import {
  cancelRun,
  configurationLabel,
  deleteRun,
  lookAtRun,
  pauseRun,
  renameRun,
  resumeRun,
  runState,
  selectRuns,
  showTab,
  toggleRun,
  useSelection,
} from '../../host/index.js';
import {
  Button,
  Card,
  Checkbox,
  type DataColumn,
  DataTable,
  Dialog,
  formatNumber,
  formatShare,
  IconButton,
  Menu,
  type MenuEntries,
  plural,
  rawTable,
  StateDot,
  sortRows,
  TextField,
  useSort,
} from '../../ui/index.js';

interface RowActions {
  picked: ReadonlySet<string>;
  renaming: string | null;
  onRename(id: string | null): void;
  onDelete(run: RunSummary): void;
}

const share = (value: number | undefined | null) =>
  value === undefined || value === null ? '–' : formatShare(value, 2);

const figure = (value: number | null) => (value === null ? '–' : formatNumber(value, 3));

export function runColumns(actions: RowActions): DataColumn<RunSummary>[] {
  return [
    {
      id: 'shown',
      header: 'show',
      title: 'Draw this run in the charts above',
      value: (run) => (actions.picked.has(run.id) ? 'yes' : 'no'),
      cell: (run) => (
        <span className="flex items-center">
          <Checkbox
            label={`Show ${run.name}`}
            hideLabel
            checked={actions.picked.has(run.id)}
            onChange={() => toggleRun(run.id)}
          />
        </span>
      ),
      align: 'left',
      unsortable: true,
    },
    {
      id: 'name',
      header: 'run',
      value: (run) => run.name,
      cell: (run) => <NameCell run={run} editing={actions.renaming === run.id} onRename={actions.onRename} />,
      align: 'left',
      wide: true,
    },
    { id: 'bits', header: 'bits', value: (run) => configurationLabel(run.configuration), align: 'left' },
    { id: 'state', header: 'state', value: (run) => runState(run).word, align: 'left' },
    {
      id: 'epoch',
      header: 'epoch',
      value: (run) => run.progress.epoch,
      cell: (run) => `${Math.min(run.training.epochs, run.progress.epoch).toFixed(1)}/${run.training.epochs}`,
    },
    {
      id: 'training-loss',
      header: 'training loss',
      title: 'Of the last step: on one batch of the training set',
      roomy: true,
      value: (run) => run.progress.loss,
      cell: (run) => figure(run.progress.loss),
    },
    {
      id: 'test-loss',
      header: 'test loss',
      title: 'Cross-entropy of the test images after training',
      value: (run) => run.result?.lossAfter ?? null,
      cell: (run) => figure(run.result?.lossAfter ?? null),
    },
    {
      id: 'float',
      header: 'float',
      title: 'Test accuracy of the float model',
      value: (run) => run.result?.floatAccuracy ?? null,
      cell: (run) => share(run.result?.floatAccuracy),
      firstSort: 'descending',
    },
    {
      id: 'before',
      header: 'before',
      title: 'Test accuracy of the quantized model before training',
      value: (run) => run.result?.accuracyBefore ?? null,
      cell: (run) => share(run.result?.accuracyBefore),
      firstSort: 'descending',
    },
    {
      id: 'after',
      header: 'after',
      title: 'Test accuracy after training; of one that was cancelled, the last one measured',
      value: accuracyAfter,
      cell: (run) => share(accuracyAfter(run)),
      firstSort: 'descending',
    },
    {
      id: 'actions',
      header: '',
      value: () => '',
      cell: (run) => <RunMenu run={run} actions={actions} />,
      unsortable: true,
    },
  ];
}

/** While it trains there is no "after" yet: the header shows the latest. */
function accuracyAfter(run: RunSummary): number | null {
  if (run.result) return run.result.accuracyAfter;
  return isActive(run) ? null : run.progress.testAccuracy;
}

const copied = (column: DataColumn<RunSummary>) => column.id !== 'shown' && column.id !== 'actions';

export function RunTable({ runs, focus }: { runs: readonly RunSummary[]; focus: RunSummary }) {
  const selected = useSelection((state) => state.runs);
  const [renaming, setRenaming] = useState<string | null>(null);
  const [deleting, setDeleting] = useState<RunSummary | null>(null);
  const [sort, setSort] = useSort(null);
  const columns = runColumns({
    picked: new Set(selected),
    renaming,
    onRename: setRenaming,
    onDelete: setDeleting,
  });
  // Newest first until the user sorts.
  const rows = [...runs].reverse();
  return (
    <Card
      title="Runs"
      subtitle={plural(runs.length, 'run')}
      actions={
        <CopyTable
          title="runs"
          table={() => rawTable(sortRows(rows, columns, sort), columns.filter(copied))}
        />
      }
      className="max-h-56 min-h-36 shrink-0"
    >
      <DataTable
        label="Runs"
        columns={columns}
        rows={rows}
        rowKey={(run) => run.id}
        isCurrent={(run) => run.id === focus.id}
        sort={sort}
        onSort={setSort}
      />
      <DeleteDialog run={deleting} onClose={() => setDeleting(null)} />
    </Card>
  );
}

function NameCell({
  run,
  editing,
  onRename,
}: {
  run: RunSummary;
  editing: boolean;
  onRename(id: string | null): void;
}) {
  if (editing) return <RenameField run={run} onDone={() => onRename(null)} />;
  const { word, tone } = runState(run);
  return (
    <span className="flex min-w-0 items-center gap-2">
      <StateDot tone={tone} label={word} />
      <button
        type="button"
        title={`${run.name}: double-click to rename`}
        onClick={() => selectRuns([run.id])}
        onDoubleClick={() => onRename(run.id)}
        className="min-w-0 truncate rounded-sm text-left hover:text-accent"
      >
        {run.name}
      </button>
    </span>
  );
}

function RenameField({ run, onDone }: { run: RunSummary; onDone(): void }) {
  const [text, setText] = useState(run.name);
  const commit = () => {
    const name = text.trim();
    onDone();
    if (name && name !== run.name) void renameRun(run.id, name);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation();
    if (event.key === 'Enter') commit();
    else if (event.key === 'Escape') onDone();
  };
  return (
    <TextField
      aria-label={`New name of ${run.name}`}
      ref={(field) => field?.focus()}
      value={text}
      maxLength={200}
      onChange={(event) => setText(event.target.value)}
      onBlur={commit}
      onKeyDown={onKeyDown}
      className="figure !h-[22px]"
    />
  );
}

function menuEntries(run: RunSummary, actions: RowActions): MenuEntries[] {
  const entry = (id: string, label: string, onSelect: () => void, blocked: string | null = null) => ({
    id,
    label,
    blocked,
    onSelect,
  });
  const running = run.state === 'running';
  const active = isActive(run);
  const resumable = run.state === 'paused' || run.state === 'interrupted';
  return [
    entry('look', 'Show its weights', () => {
      lookAtRun(run.id);
      showTab('distribution');
    }),
    entry('rename', 'Rename', () => actions.onRename(run.id)),
    'separator',
    ...(running ? [entry('pause', 'Pause', () => void pauseRun(run.id))] : []),
    ...(resumable ? [entry('resume', 'Resume', () => void resumeRun(run.id))] : []),
    ...(active ? [entry('cancel', 'Cancel', () => void cancelRun(run.id))] : []),
    {
      ...entry('delete', 'Delete…', () => actions.onDelete(run), active ? 'while it trains' : null),
      danger: true,
    },
  ];
}

function RunMenu({ run, actions }: { run: RunSummary; actions: RowActions }) {
  return (
    <Menu
      align="end"
      trigger={
        <IconButton
          size="sm"
          label={`Actions of ${run.name}`}
          tip="Actions"
          icon={<EllipsisVertical aria-hidden className="size-3.5" />}
          className="!h-5"
        />
      }
      entries={menuEntries(run, actions)}
    />
  );
}

function DeleteDialog({ run, onClose }: { run: RunSummary | null; onClose(): void }) {
  return (
    <Dialog
      open={run !== null}
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      title={`Delete ${run?.name ?? ''}?`}
      footer={
        <>
          <Button onClick={onClose}>Keep it</Button>
          <Button
            variant="danger"
            onClick={() => {
              if (run) void deleteRun(run.id);
              onClose();
            }}
          >
            Delete
          </Button>
        </>
      }
    >
      <p className="text-sm text-ink2">
        Its trained weights and recorded series are removed from the project. Exported files stay. This cannot
        be undone.
      </p>
    </Dialog>
  );
}
