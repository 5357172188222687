import { clsx } from 'clsx';
import { CircleAlert, CircleCheck, Info, X } from 'lucide-react';
import { Toast } from 'radix-ui';
import { copyText, dismissToast, type Notice, noticeText, setLogOpen, useNotices } from '../host/index.js';
import { Button, IconButton } from '../ui/index.js';

/** Errors stay long enough to be read; good news goes by itself, and waits while it is pointed at. */
const durations: Record<Notice['tone'], number> = { error: 20_000, success: 3_000, info: 4_000 };

const icons = {
  error: <CircleAlert aria-hidden className="mt-px size-4 shrink-0 text-bad" />,
  success: <CircleCheck aria-hidden className="mt-px size-4 shrink-0 text-ok" />,
  info: <Info aria-hidden className="mt-px size-4 shrink-0 text-accent" />,
};

function NoticeToast({ notice }: { notice: Notice }) {
  return (
    <Toast.Root
      type={notice.tone === 'error' ? 'foreground' : 'background'}
      duration={durations[notice.tone]}
      onOpenChange={(open) => !open && dismissToast(notice.id)}
      className={clsx(
        'slide-in flex gap-2.5 rounded-lg border bg-bg2 p-3',
        notice.tone === 'error' ? 'border-bad/50' : 'border-line',
      )}
    >
      {icons[notice.tone]}
      <div className="min-w-0 flex-1">
        <Toast.Title data-selectable className="line-clamp-8 font-medium break-words">
          {notice.title}
        </Toast.Title>
        {notice.detail ? (
          <Toast.Description
            data-selectable
            className="mt-0.5 text-sm break-words text-ink2 [overflow-wrap:anywhere]"
          >
            {notice.detail}
          </Toast.Description>
        ) : null}
        {notice.tone === 'error' ? (
          <div className="mt-2 flex flex-wrap items-center gap-2">
            <span data-selectable className="figure w-full text-ink3">
              {notice.code}
            </span>
            <Toast.Action asChild altText="Open the error log to copy the details">
              <Button size="sm" variant="ghost" onClick={() => setLogOpen(true)}>
                Show log
              </Button>
            </Toast.Action>
            <Button size="sm" onClick={() => void copyText(noticeText(notice))}>
              Copy details
            </Button>
          </div>
        ) : null}
      </div>
      <Toast.Close asChild>
        <IconButton size="sm" label="Dismiss" icon={<X className="size-3.5" />} />
      </Toast.Close>
    </Toast.Root>
  );
}

/** Notices at the bottom right, no wider than the panel there: they cover no chart and no control of a view. */
export function Toasts() {
  const toasts = useNotices((state) => state.toasts);
  return (
    <Toast.Provider swipeDirection="right" label="Notice">
      {toasts.map((notice) => (
        <NoticeToast key={notice.id} notice={notice} />
      ))}
      <Toast.Viewport className="fixed right-3 bottom-10 z-50 flex w-72 flex-col gap-2" />
    </Toast.Provider>
  );
}
