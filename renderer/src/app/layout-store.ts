/** The sizes of the panels, kept in the window's own storage between starts. */
import type { Layout } from 'react-resizable-panels';
import { create } from 'zustand';

const key = 'qat.layout.v1';

interface LayoutState {
  /** Panel id → share of the width; null = the default. */
  columns: Layout | null;
  /** Raised by a reset, so that the panels are built anew. */
  generation: number;
}

function stored(): Layout | null {
  try {
    const parsed: unknown = JSON.parse(localStorage.getItem(key) ?? 'null');
    if (typeof parsed !== 'object' || parsed === null) return null;
    const entries = Object.entries(parsed);
    const legal = entries.every(([, share]) => typeof share === 'number' && share >= 0 && share <= 100);
    return legal && entries.length > 0 ? (Object.fromEntries(entries) as Layout) : null;
  } catch {
    // Storage that is blocked or damaged means the default layout, nothing worse.
    return null;
  }
}

export const useLayout = create<LayoutState>(() => ({ columns: stored(), generation: 0 }));

export function saveLayout(columns: Layout): void {
  useLayout.setState({ columns });
  try {
    localStorage.setItem(key, JSON.stringify(columns));
  } catch {
    // The layout is lost at the end of the session.
  }
}

export function resetLayout(): void {
  try {
    localStorage.removeItem(key);
  } catch {
    // Nothing was stored then.
  }
  useLayout.setState((state) => ({ columns: null, generation: state.generation + 1 }));
}
