/** One colour per bit-width, the same in every list, panel and chart. */

/** A CSS colour that follows the theme: `var(--w4)`; 32 and everything else is the float grey. */
export function bitsColor(bits: number): string {
  return bits >= 1 && bits <= 8 ? `var(--w${bits})` : 'var(--f)';
}
