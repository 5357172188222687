/** The options of `npm run accuracy` as words of the command line. */
import { QatError } from '../contract/index.js';
import type { AccuracyRow } from './accuracy-networks.js';
import { accuracyRows, type Recipe, recipeSchema } from './accuracy-rows.js';

const defaultSeeds = [1, 2, 3];

function refuse(message: string, remedy: string): QatError {
  return new QatError('E-REQUEST-INVALID', message, remedy);
}

/** Rows by their ids, in the order of the table. @throws E-REQUEST-INVALID for an id that no row has. */
export function chooseRows(ids: string | undefined): readonly AccuracyRow[] {
  if (ids === undefined) return accuracyRows;
  const wanted = ids.split(',');
  const known = accuracyRows.map(({ id }) => id);
  const unknown = wanted.find((id) => !known.includes(id));
  if (unknown !== undefined) throw refuse(`There is no row "${unknown}".`, `Rows are ${known.join(', ')}.`);
  return accuracyRows.filter(({ id }) => wanted.includes(id));
}

export function parseSeeds(text: string | undefined): readonly number[] {
  if (text === undefined) return defaultSeeds;
  const seeds = text.split(',').map((word) => (/^\d+$/.test(word) ? Number(word) : Number.NaN));
  if (!seeds.every((seed) => seed <= 0xffff_ffff)) {
    throw refuse(`Seeds are "${text}".`, 'Write whole numbers below 2^32 with commas between them.');
  }
  return seeds;
}

/** `name=value` words as parts of a recipe. @throws E-REQUEST-INVALID naming what is wrong. */
export function parseRecipe(words: readonly string[]): Partial<Recipe> {
  const settings = words.map((word): [string, string | number] => {
    const at = word.indexOf('=');
    const value = word.slice(at + 1);
    return [
      word.slice(0, Math.max(at, 0)),
      value.trim() === '' || Number.isNaN(Number(value)) ? value : Number(value),
    ];
  });
  const parsed = recipeSchema.partial().safeParse(Object.fromEntries(settings));
  if (parsed.success) {
    // The schema's defaults are for files; here what is not named stays as the network's recipe has it.
    const named = new Set(settings.map(([name]) => name));
    return Object.fromEntries(Object.entries(parsed.data).filter(([name]) => named.has(name)));
  }
  const issue = parsed.error.issues[0];
  throw refuse(
    `The settings ${words.join(' ')} cannot be used: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
    `Write NAME=VALUE; names are ${Object.keys(recipeSchema.shape).join(', ')}.`,
  );
}
