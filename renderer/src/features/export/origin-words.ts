/** How the codes of a layer came about, in words. */
import { type LayerOrigin, roundingTable } from '../../host/contract.js';

export function originText({ rounding, trained }: LayerOrigin): string {
  if (trained === 'network') return 'trained';
  if (trained === 'alone') return 'trained by itself';
  return roundingTable[rounding].label;
}

/** `GPTQ 2 layers · Nearest 1 layer`, in the layers' order; null where nothing is known. */
export function originSummary(origins: readonly (LayerOrigin | null)[]): string | null {
  const counts = new Map<string, number>();
  for (const origin of origins) {
    if (!origin) return null;
    counts.set(originText(origin), (counts.get(originText(origin)) ?? 0) + 1);
  }
  const parts = [...counts].map(([text, count]) => `${text} ${count} ${count === 1 ? 'layer' : 'layers'}`);
  return parts.join(' · ') || null;
}
