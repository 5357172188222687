/** For tests only: happy-dom lays nothing out, so elements get a size by decree. */

export const testSize = { width: 640, height: 320 };

/** Every element measures `testSize`; returns the way back. */
export function giveSize(): () => void {
  const names = ['clientWidth', 'clientHeight'] as const;
  const before = names.map((name) => Object.getOwnPropertyDescriptor(HTMLElement.prototype, name));
  Object.defineProperty(HTMLElement.prototype, 'clientWidth', {
    configurable: true,
    get: () => testSize.width,
  });
  Object.defineProperty(HTMLElement.prototype, 'clientHeight', {
    configurable: true,
    get: () => testSize.height,
  });
  return () => {
    names.forEach((name, index) => {
      const descriptor = before[index];
      if (descriptor) Object.defineProperty(HTMLElement.prototype, name, descriptor);
      else Reflect.deleteProperty(HTMLElement.prototype, name);
    });
  };
}
