import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';

/** @type {{ parseArguments(args: string[]): { version: boolean, modules: string[], folder?: string } }} */
const { parseArguments } = createRequire(import.meta.url)('./arguments.cjs');

describe('the launcher’s command line', () => {
  it('finds the application behind the switches that Playwright puts before it', () => {
    const args = ['--inspect=0', '--remote-debugging-port=0', '--no-sandbox', '/app', 'model.safetensors'];
    expect(parseArguments(args)).toEqual({ version: false, modules: [], folder: '/app' });
  });

  it('loads modules named by -r, --require and their = forms, and does not take them for the application', () => {
    const args = ['-r', './one.cjs', '--require', 'two', '-r=three', '--require=four=4', '.'];
    expect(parseArguments(args)).toEqual({
      version: false,
      modules: ['./one.cjs', 'two', 'three', 'four=4'],
      folder: '.',
    });
  });

  it('leaves everything after the application to the application', () => {
    expect(parseArguments(['.', '-r', 'not-loaded', '--version'])).toEqual({
      version: false,
      modules: [],
      folder: '.',
    });
  });

  it.each(['--version', '-v'])('answers %s without an application', (flag) => {
    expect(parseArguments(['--no-sandbox', flag]).version).toBe(true);
  });

  it('understands --app= and refuses -r without a module', () => {
    expect(parseArguments(['--app=/somewhere']).folder).toBe('/somewhere');
    expect(() => parseArguments(['-r'])).toThrow('-r needs the module');
  });

  it('finds no application where there is none', () => {
    expect(parseArguments(['--no-sandbox']).folder).toBeUndefined();
  });
});
