import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAppUrl, resolveAppFile } from './app-url.js';

const root = '/srv/app/renderer';

describe('app:// addresses', () => {
  it('names files under the root', () => {
    expect(resolveAppFile(root, 'app://workbench/index.html')).toBe('/srv/app/renderer/index.html');
    expect(resolveAppFile(root, 'app://workbench/assets/a%20b.js?x#y')).toBe(
      '/srv/app/renderer/assets/a b.js',
    );
  });

  it.each([
    'app://workbench/../secret',
    'app://workbench/%2e%2e/secret',
    'app://workbench/..%2f..%2fetc/passwd',
    'app://workbench/a/..%2f..%2f..%2fetc/passwd',
    'app://workbench/..%5csecret',
    'app://workbench/%00',
    'app://workbench/%zz',
    'app://other/index.html',
    'app://workbench.evil/index.html',
    'app://workbench@evil/index.html',
    'https://workbench/index.html',
    'file:///etc/passwd',
    '',
  ])('confines %s', (url) => {
    const file = resolveAppFile(root, url);
    expect(file === undefined || file.startsWith(`${root}/`)).toBe(true);
  });

  it('never leaves the root, whatever the path', () => {
    const piece = fc.constantFrom('..', '.', '%2e%2e', '%2f', '/', '\\', '%5c', 'a', '%00', '//', '%252e');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const file = resolveAppFile(root, `app://workbench/${pieces.join('/')}`);
        return file === undefined || file.startsWith(`${root}/`) || file === root;
      }),
    );
  });

  it('knows its own origin only', () => {
    expect(isAppUrl('app://workbench/x')).toBe(true);
    expect(isAppUrl('app://workbenchx/x')).toBe(false);
    expect(isAppUrl('https://app://workbench/')).toBe(false);
  });
});
