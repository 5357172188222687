/** Which of the window's own dialogs is open; at most one. */
import { create } from 'zustand';

export type DialogName = 'palette' | 'shortcuts' | 'about' | 'libraries' | 'transform' | 'allocate';

export const useDialogs = create<{ open: DialogName | null }>(() => ({ open: null }));

export function openDialog(name: DialogName): void {
  useDialogs.setState({ open: name });
}

export function closeDialog(): void {
  useDialogs.setState({ open: null });
}
