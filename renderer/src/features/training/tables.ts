/** The numbers of the training charts, as drawn. */
import type { Cell, ChartTable } from '../../charts/index.js';
import type { EvaluationPoint, RunSummary } from '../../host/contract.js';
import type { SeriesByRun } from '../../host/index.js';

/** Rows by ascending x, one column per run; a run without a value there has an empty cell. */
function joined(
  first: string,
  runs: readonly RunSummary[],
  pointsOf: (id: string) => readonly (readonly [number, number])[],
): ChartTable {
  const byX = new Map<number, Cell[]>();
  runs.forEach((run, column) => {
    for (const [x, y] of pointsOf(run.id)) {
      const row = byX.get(x) ?? runs.map(() => null);
      row[column] = y;
      byX.set(x, row);
    }
  });
  const rows = [...byX].sort((a, b) => a[0] - b[0]).map(([x, cells]) => [x, ...cells]);
  return { columns: [first, ...uniqueNames(runs)], rows };
}

/** Runs may share a name; columns may not. */
function uniqueNames(runs: readonly RunSummary[]): string[] {
  const seen = new Map<string, number>();
  return runs.map(({ name }) => {
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? name : `${name} (${count})`;
  });
}

export function lossTable(runs: readonly RunSummary[], series: SeriesByRun): ChartTable {
  return joined('step', runs, (id) => (series[id]?.steps ?? []).map((point) => [point.step, point.loss]));
}

export function accuracyTable(runs: readonly RunSummary[], series: SeriesByRun): ChartTable {
  return joined('epoch', runs, (id) =>
    (series[id]?.evaluations ?? []).map((point) => [point.epoch, point.testAccuracy]),
  );
}

export type LayerFigure = 'sqnrDb' | 'scaleMean' | 'flipShare';

/** One column per layer; an exact layer has no finite SQNR and says so. */
export function layerTable(
  evaluations: readonly EvaluationPoint[],
  names: readonly string[],
  figure: LayerFigure,
): ChartTable {
  const rows = evaluations.map((point) => {
    const cells = names.map((name): Cell => {
      const layer = point.layers.find((candidate) => candidate.name === name);
      if (!layer) return null;
      return layer[figure] ?? 'exact';
    });
    return [point.epoch, ...cells];
  });
  return { columns: ['epoch', ...names], rows };
}
