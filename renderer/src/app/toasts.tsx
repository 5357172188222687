/** Notices have a place of their own, which the views make room for: they cover nothing. */
import { CircleAlert, CircleCheck, Info, X } from 'lucide-react';
import { Toast } from 'radix-ui';
import { copyText, dismissToast, type Notice, noticeText, setLogOpen, useNotices } from '../host/index.js';
import { Button, IconButton } from '../ui/index.js';

const noticingMs = 4000;
const characterMs = 60;

/** Good news goes by itself when a slow reader has read it, and waits while it is pointed at; errors stay. */
export function stayMs({ tone, title, detail }: Notice): number {
  if (tone === 'error') return Number.POSITIVE_INFINITY;
  return noticingMs + (title.length + detail.length) * characterMs;
}

const icons = {
  error: <CircleAlert aria-hidden className="mt-[3px] size-4 shrink-0 text-bad" />,
  success: <CircleCheck aria-hidden className="size-4 shrink-0 text-ok" />,
  info: <Info aria-hidden className="size-4 shrink-0 text-accent" />,
};

function Dismiss() {
  return (
    <Toast.Close asChild>
      <IconButton size="sm" label="Dismiss" shortcut="Escape" icon={<X className="size-3.5" />} />
    </Toast.Close>
  );
}

function ErrorNotice({ notice }: { notice: Notice }) {
  return (
    <Toast.Root
      type="foreground"
      duration={stayMs(notice)}
      onOpenChange={(open) => !open && dismissToast(notice.id)}
      className="slide-in flex items-start gap-2.5 border-t border-bad/50 bg-bg2 py-1.5 pr-2 pl-3.5"
    >
      {icons.error}
      <div className="min-w-0 flex-1 py-0.5">
        <Toast.Title data-selectable className="font-medium [overflow-wrap:anywhere]">
          {notice.title}
        </Toast.Title>
        <Toast.Description data-selectable className="text-sm text-ink2 [overflow-wrap:anywhere]">
          {notice.detail} <span className="figure whitespace-nowrap text-ink3">{notice.code}</span>
        </Toast.Description>
      </div>
      <Toast.Action asChild altText="Open the error log to copy the details">
        <Button size="sm" variant="ghost" onClick={() => setLogOpen(true)}>
          Show log
        </Button>
      </Toast.Action>
      <Button size="sm" onClick={() => void copyText(noticeText(notice))}>
        Copy details
      </Button>
      <Dismiss />
    </Toast.Root>
  );
}

/** Errors, newest first, between the views and the status bar. */
export function ErrorNotices() {
  const toasts = useNotices((state) => state.toasts);
  const errors = toasts.filter(({ tone }) => tone === 'error').reverse();
  return (
    <div data-panel="notices" className="shrink-0">
      <Toast.Provider swipeDirection="right" label="Error">
        {errors.map((notice) => (
          <ErrorNotice key={notice.id} notice={notice} />
        ))}
        {/* Above dialogs: what went wrong there is said here. */}
        <Toast.Viewport label="Errors ({hotkey})" className="relative z-50 max-h-[30vh] overflow-y-auto" />
      </Toast.Provider>
    </div>
  );
}

/** The last good news, on one line of the status bar. */
export function QuietNotice() {
  const toasts = useNotices((state) => state.toasts);
  const notice = toasts.findLast(({ tone }) => tone !== 'error');
  return (
    <Toast.Provider swipeDirection="down" label="Notice">
      {notice ? (
        <Toast.Root
          key={notice.id}
          type="background"
          duration={stayMs(notice)}
          onOpenChange={(open) => !open && dismissToast(notice.id)}
          className="slide-in flex min-w-0 items-center gap-2"
        >
          {icons[notice.tone]}
          <Toast.Title data-selectable className="min-w-0 truncate font-medium text-ink" title={notice.title}>
            {notice.title}
          </Toast.Title>
          <Toast.Description data-selectable className="min-w-0 flex-1 truncate" title={notice.detail}>
            {notice.detail}
          </Toast.Description>
          <Dismiss />
        </Toast.Root>
      ) : null}
      <Toast.Viewport label="Notices" hotkey={[]} className="relative z-50 min-w-0" />
    </Toast.Provider>
  );
}
