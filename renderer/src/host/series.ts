/** The recorded series of some runs, fetched when first asked for and redrawn at most 4 times a second. */
import { useEffect, useState } from 'react';
import { type LiveSeries, loadSeries, useRuns } from './runs-store.js';

const redrawPeriodMs = 250;

export type SeriesByRun = Readonly<Record<string, LiveSeries>>;

function pick(runIds: readonly string[]): SeriesByRun {
  const { series } = useRuns.getState();
  const picked: Record<string, LiveSeries> = {};
  for (const id of runIds) {
    const found = series[id];
    if (found) picked[id] = found;
  }
  return picked;
}

const same = (a: SeriesByRun, b: SeriesByRun) => {
  const keys = Object.keys(b);
  return keys.length === Object.keys(a).length && keys.every((key) => a[key] === b[key]);
};

export function useSeries(runIds: readonly string[]): SeriesByRun {
  const key = runIds.join(' ');
  const [shown, setShown] = useState<SeriesByRun>(() => pick(runIds));
  useEffect(() => {
    const ids = key === '' ? [] : key.split(' ');
    for (const id of ids) void loadSeries(id);
    const draw = () => setShown((old) => (same(old, pick(ids)) ? old : pick(ids)));
    draw();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = useRuns.subscribe(() => {
      timer ??= setTimeout(() => {
        timer = undefined;
        // A hidden window draws nothing; it catches up with the next point.
        if (document.visibilityState === 'visible') draw();
      }, redrawPeriodMs);
    });
    const onVisible = () => {
      if (document.visibilityState === 'visible') draw();
    };
    document.addEventListener('visibilitychange', onVisible);
    return () => {
      stop();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onVisible);
    };
  }, [key]);
  return shown;
}
