/** Where the plot lies inside a chart. The axes get fixed sizes, so it is known before drawing. */

export interface Size {
  width: number;
  height: number;
}

/** Room for axes and labels around the plot, in CSS pixels. */
export interface Margins {
  top: number;
  right: number;
  bottom: number;
  left: number;
}

export interface PlotBox extends Size {
  x: number;
  y: number;
}

export function plotBox(size: Size, margins: Margins): PlotBox {
  return {
    x: margins.left,
    y: margins.top,
    width: Math.max(1, size.width - margins.left - margins.right),
    height: Math.max(1, size.height - margins.top - margins.bottom),
  };
}
