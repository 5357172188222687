import { clearLog, copyText, type Notice, noticeText, setLogOpen, useNotices } from '../host/index.js';
import { Button, Dialog, EmptyState, formatTime } from '../ui/index.js';

function Entry({ notice }: { notice: Notice }) {
  return (
    <li className="border-b border-line py-2.5 last:border-0">
      <div className="flex items-baseline gap-3">
        <span data-selectable className="figure text-bad">
          {notice.code}
        </span>
        <span className="min-w-0 flex-1 truncate text-sm text-ink3">{notice.context}</span>
        <time className="figure text-ink3" dateTime={notice.at.toISOString()}>
          {formatTime(notice.at)}
        </time>
      </div>
      <div className="mt-1 flex items-end gap-3">
        <div data-selectable className="min-w-0 flex-1">
          <p className="break-words">{notice.title}</p>
          <p className="text-sm text-ink2">{notice.detail}</p>
        </div>
        <Button size="sm" onClick={() => void copyText(noticeText(notice))}>
          Copy details
        </Button>
      </div>
    </li>
  );
}

/** Every error of this session: a toast goes away, this does not. */
export function ErrorLog() {
  const { log, logOpen } = useNotices();
  return (
    <Dialog
      open={logOpen}
      onOpenChange={setLogOpen}
      title="Error log"
      className="w-[min(720px,94vw)]"
      footer={
        log.length > 0 ? (
          <>
            <Button variant="ghost" onClick={clearLog}>
              Clear
            </Button>
            <Button onClick={() => void copyText(log.map(noticeText).join('\n\n'))}>Copy all</Button>
          </>
        ) : undefined
      }
    >
      {log.length === 0 ? (
        <EmptyState title="No errors in this session">
          What goes wrong is listed here with its code and what to do about it.
        </EmptyState>
      ) : (
        <ul>
          {log.map((notice) => (
            <Entry key={notice.id} notice={notice} />
          ))}
        </ul>
      )}
    </Dialog>
  );
}
