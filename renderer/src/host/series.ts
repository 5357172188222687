/** The recorded series of some runs, fetched when first asked for and redrawn at most 4 times a second. */
import { useEffect, useState } from 'react';
import { type LiveSeries, loadSeries, useRuns } from './runs-store.js';

const redrawPeriodMs = 250;
/** Drawing may take at most this share of the time: on a busy machine it is done less often, within reason. */
const drawingShare = 0.25;
const longestPauseMs = 1000;

export type SeriesByRun = Readonly<Record<string, LiveSeries>>;

function pick(runIds: readonly string[], shown: SeriesByRun = {}): SeriesByRun {
  const { series } = useRuns.getState();
  const picked: Record<string, LiveSeries> = {};
  for (const id of runIds) {
    const found = series[id];
    if (found) picked[id] = withKnownEvaluations(found, shown[id]);
  }
  return picked;
}

/** Evaluations come once an epoch: the same ones keep their array, so that what draws them is not redrawn. */
function withKnownEvaluations(found: LiveSeries, shown: LiveSeries | undefined): LiveSeries {
  if (!shown || found.evaluations === shown.evaluations) return found;
  const same =
    found.evaluations.length === shown.evaluations.length &&
    found.evaluations.at(-1)?.step === shown.evaluations.at(-1)?.step;
  return same ? { ...found, evaluations: shown.evaluations } : found;
}

const same = (a: SeriesByRun, b: SeriesByRun) => {
  const keys = Object.keys(b);
  const equal = (key: string) =>
    a[key]?.steps === b[key]?.steps &&
    a[key]?.evaluations === b[key]?.evaluations &&
    a[key]?.diagnostics === b[key]?.diagnostics;
  return keys.length === Object.keys(a).length && keys.every(equal);
};

export function useSeries(runIds: readonly string[]): SeriesByRun {
  const key = runIds.join(' ');
  const [shown, setShown] = useState<SeriesByRun>(() => pick(runIds));
  useEffect(() => {
    const ids = key === '' ? [] : key.split(' ');
    for (const id of ids) void loadSeries(id);
    let pauseMs = redrawPeriodMs;
    const draw = () => {
      const start = performance.now();
      setShown((old) => {
        const next = pick(ids, old);
        return same(old, next) ? old : next;
      });
      // After the frame that shows it: what it cost decides when the next one may come.
      requestAnimationFrame(() =>
        setTimeout(() => {
          const wantedMs = (performance.now() - start) / drawingShare;
          pauseMs = Math.min(longestPauseMs, Math.max(redrawPeriodMs, wantedMs));
        }),
      );
    };
    draw();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = useRuns.subscribe(() => {
      timer ??= setTimeout(() => {
        timer = undefined;
        // A hidden window draws nothing; it catches up with the next point.
        if (document.visibilityState === 'visible') draw();
      }, pauseMs);
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
