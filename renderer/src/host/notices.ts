/** Every failure shown to the user: toasts that stay until they are dismissed, and a log of the session. */
import { create } from 'zustand';
import { request } from './client.js';
import { type HostError, isCancelled, toHostError } from './host-error.js';

export interface Notice {
  id: number;
  tone: 'error' | 'success' | 'info';
  title: string;
  /** What to do about it, or what came of it. */
  detail: string;
  /** Stable error code; empty for good news. */
  code: string;
  /** What was being done. */
  context: string;
  at: Date;
}

interface NoticesState {
  /** On screen now, newest last. */
  toasts: Notice[];
  /** Errors of this session, newest first, at most 200. */
  log: Notice[];
  unread: number;
  logOpen: boolean;
}

export const useNotices = create<NoticesState>(() => ({ toasts: [], log: [], unread: 0, logOpen: false }));

const maxLog = 200;
const maxToasts = 8;
let lastId = 0;

function show(notice: Omit<Notice, 'id' | 'at'>): void {
  lastId += 1;
  const full: Notice = { ...notice, id: lastId, at: new Date() };
  useNotices.setState((state) => {
    const isError = full.tone === 'error';
    // The same failure again replaces its toast, so that a repeating error cannot fill the screen; good news replaces good news.
    const replaced = (toast: Notice) =>
      isError ? toast.code === full.code && toast.title === full.title : toast.tone !== 'error';
    const others = state.toasts.filter((toast) => !replaced(toast));
    return {
      toasts: [...others, full].slice(-maxToasts),
      log: isError ? [full, ...state.log].slice(0, maxLog) : state.log,
      unread: isError && !state.logOpen ? state.unread + 1 : state.unread,
    };
  });
}

/** Tell the user about a failure. A call they cancelled themselves is not one. */
export function notify(thrown: unknown, context = ''): void {
  if (isCancelled(thrown)) return;
  const error: HostError = toHostError(thrown, context);
  show({
    tone: 'error',
    title: error.message,
    detail: error.remedy,
    code: error.code,
    context: context || error.context,
  });
}

export function notifySuccess(title: string, detail = ''): void {
  show({ tone: 'success', title, detail, code: '', context: '' });
}

export function notifyInfo(title: string, detail = ''): void {
  show({ tone: 'info', title, detail, code: '', context: '' });
}

export function dismissToast(id: number): void {
  useNotices.setState((state) => ({ toasts: state.toasts.filter((toast) => toast.id !== id) }));
}

export function setLogOpen(open: boolean): void {
  useNotices.setState((state) => ({ logOpen: open, unread: open ? 0 : state.unread }));
}

export function clearLog(): void {
  useNotices.setState({ log: [], unread: 0 });
}

/** One notice as text for a bug report. */
export function noticeText(notice: Notice): string {
  const lines = [`${notice.code} ${notice.title}`.trim(), notice.detail];
  if (notice.context) lines.push(`While: ${notice.context}`);
  lines.push(`At: ${notice.at.toISOString()}`);
  return lines.filter(Boolean).join('\n');
}

export async function copyText(text: string): Promise<void> {
  try {
    await request('app.copyText', { text });
  } catch (thrown) {
    notify(thrown, 'copying to the clipboard');
  }
}
