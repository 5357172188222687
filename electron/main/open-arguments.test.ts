import { describe, expect, it } from 'vitest';
import { pathsInArguments } from './open-arguments.js';

describe('paths on the command line', () => {
  it('leaves out the executable, switches and the application folder', () => {
    const argv = [
      '/bin/electron',
      '/app',
      '--no-sandbox',
      '--user-data-dir=/tmp/u',
      'm.safetensors',
      '/d/idx',
    ];
    expect(pathsInArguments(argv, '/home/u', '/app')).toEqual(['/home/u/m.safetensors', '/d/idx']);
  });

  it('resolves against the folder of the second start, not ours', () => {
    expect(pathsInArguments(['electron', '.', 'w.safetensors'], '/app', '/app')).toEqual([
      '/app/w.safetensors',
    ]);
  });
});
