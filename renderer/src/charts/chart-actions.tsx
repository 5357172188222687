/** What a chart can do with its picture and numbers; the application says how. */
import { createContext, useContext } from 'react';
import type { ChartFileKind } from './export.js';

export interface ChartActions {
  /** Save through a dialog; `data` is text, or base64 for a PNG. Resolves to the path, or null when closed. */
  save(kind: ChartFileKind, name: string, data: string): Promise<string | null>;
  copyText(text: string): Promise<void>;
  /** `png`: the file's bytes as base64. */
  copyPicture(png: string): Promise<void>;
  /** Told in words after something was copied or saved. */
  done(message: string, detail?: string): void;
  failed(thrown: unknown, doing: string): void;
}

const ChartActionsContext = createContext<ChartActions | null>(null);

export const ChartActionsProvider = ChartActionsContext.Provider;

/** Null where nothing was provided: the chart then shows no menu. */
export function useChartActions(): ChartActions | null {
  return useContext(ChartActionsContext);
}
