/** How often each code occurs: unused codes are bits paid for nothing. */
import { useState } from 'react';
import { ChartFrame, HistogramChart, type ScaleKind } from '../../charts/index.js';
import { bitsColor, formatCount } from '../../ui/index.js';
import { codeTable, type ErrorPartProps, smallestCode } from './figures.js';

const binaryNames = ['−α', '+α'];

export function CodeUse({ pair, busy }: ErrorPartProps) {
  const [scale, setScale] = useState<ScaleKind>('linear');
  const toggle = () => setScale((now) => (now === 'log' ? 'linear' : 'log'));
  const { codeCounts, error } = pair.whatIf;
  const { quantizer } = pair;
  const first = smallestCode(quantizer);
  const bins = { low: first - 0.5, high: first + codeCounts.length - 0.5, counts: codeCounts };
  const full = { low: bins.low, high: bins.high };
  const total = codeCounts.reduce((sum, count) => sum + count, 0);
  const table = () => codeTable(codeCounts, first);
  const binary = quantizer.grid === 'binary';
  const codeName = (code: number) => (binary ? (binaryNames[code] ?? '') : String(code).replace('-', '−'));
  const title = (bin: number) => `code ${codeName(first + bin)}`;
  const used = `${formatCount(error.codesUsed)} of ${formatCount(error.codesTotal)} codes`;
  return (
    <ChartFrame
      title="Code use"
      subtitle={
        quantizer.bits === 32
          ? undefined
          : `${error.codesUsed}/${error.codesTotal} · ${error.codeEntropyBits.toFixed(2)} bit`
      }
      summary={`${used} occur, with an entropy of ${error.codeEntropyBits.toFixed(2)} bits.`}
      table={table}
      scale={scale}
      onScaleChange={setScale}
      busy={busy}
      empty={
        codeCounts.length === 0
          ? {
              title: 'Float weights have no codes',
              text: 'Choose 1–8 bits for this layer to see how its codes are used.',
            }
          : null
      }
    >
      <HistogramChart
        label={`Code use: ${used}`}
        bins={bins}
        total={total}
        unit="weights"
        scale={scale}
        onToggleScale={toggle}
        range={null}
        full={full}
        color={bitsColor(quantizer.bits)}
        integerX
        formatX={codeName}
        xTitle={title}
      />
    </ChartFrame>
  );
}
