import { beforeEach, describe, expect, it } from 'vitest';
import { HostError } from './host-error.js';
import { noticeText, notify, setLogOpen, useNotices } from './notices.js';

const failure = (code: 'E-DISK-FULL' | 'E-CANCELLED', message: string) =>
  new HostError({ code, message, remedy: 'Free some space.' }, 'exporting');

describe('notices', () => {
  beforeEach(() => {
    useNotices.setState({ toasts: [], log: [], unread: 0, logOpen: false });
  });

  it('logs every error, but shows the same failure once', () => {
    notify(failure('E-DISK-FULL', 'No space on /data.'));
    notify(failure('E-DISK-FULL', 'No space on /data.'));
    expect(useNotices.getState().toasts).toHaveLength(1);
    expect(useNotices.getState().log).toHaveLength(2);
    expect(useNotices.getState().unread).toBe(2);
    setLogOpen(true);
    expect(useNotices.getState().unread).toBe(0);
  });

  it('is silent about what the user cancelled', () => {
    notify(failure('E-CANCELLED', 'Cancelled.'));
    expect(useNotices.getState()).toMatchObject({ toasts: [], log: [] });
  });

  it('fills neither the screen nor the memory', () => {
    for (let index = 0; index < 500; index += 1) notify(new Error(`failure ${index}`));
    expect(useNotices.getState().toasts.length).toBeLessThanOrEqual(8);
    expect(useNotices.getState().log).toHaveLength(200);
    expect(useNotices.getState().log[0]?.title).toBe('failure 499');
  });

  it('copies code, message, remedy and context', () => {
    notify(failure('E-DISK-FULL', 'No space on /data.'));
    const [notice] = useNotices.getState().log;
    const text = notice ? noticeText(notice) : '';
    for (const part of ['E-DISK-FULL', 'No space on /data.', 'Free some space.', 'exporting']) {
      expect(text).toContain(part);
    }
  });
});
