/** Moves the keyboard focus between the parts of the window. */

const order = ['layers', 'views', 'quantizer', 'notices', 'status'];

/** Marks a part of the window: `data-panel="layers"`. */
export const panelAttribute = 'data-panel';

const focusable =
  '[tabindex="0"], button:not([disabled]), input:not([disabled]), [role="combobox"]:not([disabled])';

/** The next part of the window after the one that has the focus. */
export function focusNextPanel(): void {
  const now = document.activeElement?.closest(`[${panelAttribute}]`)?.getAttribute(panelAttribute) ?? '';
  const start = order.indexOf(now);
  for (let step = 1; step <= order.length; step += 1) {
    const name = order[(start + step) % order.length];
    const panel = document.querySelector(`[${panelAttribute}="${name}"]`);
    const target = panel?.querySelector<HTMLElement>(`[data-panel-focus], ${focusable}`);
    if (target) {
      target.focus();
      return;
    }
  }
}

export function focusLayerFilter(): void {
  const field = document.querySelector<HTMLInputElement>(`[${panelAttribute}="layers"] input`);
  field?.focus();
  field?.select();
}
