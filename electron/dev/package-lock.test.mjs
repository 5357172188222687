import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { fromRoot } from './paths.mjs';

/** @typedef {{ resolved?: string, integrity?: string, inBundle?: boolean, optionalDependencies?: Record<string, string> }} LockedPackage */

/** @type {{ packages: Record<string, LockedPackage> }} */
const lock = JSON.parse(readFileSync(fromRoot('package-lock.json'), 'utf8'));

it('carries no registry addresses: every machine uses its own registry', () => {
  const withAddress = Object.keys(lock.packages).filter((path) => lock.packages[path]?.resolved);
  expect(withAddress).toEqual([]);
});

it('knows the hash of every package that is fetched', () => {
  const withoutHash = Object.entries(lock.packages)
    .filter(([path, { integrity, inBundle }]) => path !== '' && !integrity && !inBundle)
    .map(([path]) => path);
  expect(withoutHash).toEqual([]);
});

it('holds every platform’s optional packages: npm ci refuses a lock file that lacks one', () => {
  const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter((name) => !isLocked(path, name)),
  );
  expect(missing).toEqual([]);
});

/**
 * Looks where Node would: in the package's own node_modules, then outwards.
 * @param {string} path
 * @param {string} name
 */
function isLocked(path, name) {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    if (lock.packages[`${at ? `${at}/` : ''}node_modules/${name}`]) return true;
    if (at === '') return false;
  }
}
