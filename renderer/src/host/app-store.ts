/** Facts about the app itself: versions, backend, settings, memory, and the theme in effect. */
import { create } from 'zustand';
import { request } from './client.js';
import type { AppInfo, Settings } from './contract.js';
import { notify } from './notices.js';

export interface AppState {
  info: AppInfo | null;
  settings: Settings | null;
  /** Resident memory of the main process, which holds the tensors. */
  residentBytes: number | null;
  systemDark: boolean;
}

const darkQuery = '(prefers-color-scheme: dark)';

export const useAppInfo = create<AppState>(() => ({
  info: null,
  settings: null,
  residentBytes: null,
  systemDark: window.matchMedia?.(darkQuery).matches ?? true,
}));

export type ThemeName = 'dark' | 'light';

export function themeOf(state: Pick<AppState, 'settings' | 'systemDark'>): ThemeName {
  const wanted = state.settings?.theme ?? 'system';
  if (wanted !== 'system') return wanted;
  return state.systemDark ? 'dark' : 'light';
}

/** Keep `<html data-theme>` equal to the settings and the system; returns the way to stop. */
export function followTheme(): () => void {
  const draw = () => {
    document.documentElement.dataset.theme = themeOf(useAppInfo.getState());
  };
  const media = window.matchMedia?.(darkQuery);
  const onSystem = (event: MediaQueryListEvent) => useAppInfo.setState({ systemDark: event.matches });
  media?.addEventListener('change', onSystem);
  const stop = useAppInfo.subscribe(draw);
  draw();
  return () => {
    stop();
    media?.removeEventListener('change', onSystem);
  };
}

export async function changeSettings(change: Partial<Settings>): Promise<void> {
  const before = useAppInfo.getState().settings;
  if (!before) return;
  useAppInfo.setState({ settings: { ...before, ...change } });
  try {
    useAppInfo.setState({ settings: await request('app.setSettings', { ...before, ...change }) });
  } catch (thrown) {
    useAppInfo.setState({ settings: before });
    notify(thrown, 'saving the settings');
  }
}
