import { expect, it } from 'vitest';
import { packagesFor, parseMissingLibraries } from './system.mjs';

const ldd = `	linux-vdso.so.1 (0x00007ffd5a5f2000)
	libnss3.so => not found
	libnssutil3.so => not found
	libgtk-3.so.0 => not found
	libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f2a3a000000)
	libgtk-3.so.0 => not found
	libnew.so.9 => not found
`;

it('reads each missing library once from ldd', () => {
  expect(parseMissingLibraries(ldd)).toEqual([
    'libnss3.so',
    'libnssutil3.so',
    'libgtk-3.so.0',
    'libnew.so.9',
  ]);
});

it('names the packages to install and does not hide a library it does not know', () => {
  expect(packagesFor(parseMissingLibraries(ldd))).toEqual({
    packages: ['libgtk-3-0', 'libnss3'],
    unknown: ['libnew.so.9'],
  });
});
