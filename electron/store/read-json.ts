/** Reading the product's own JSON files: bounded, validated, with the version looked at first. */
import { z } from 'zod';
import { QatError } from '../contract/errors.js';
import { allocateBytes, withRegularFile } from '../formats/regular-file.js';

export const jsonFileLimitBytes = 64 * 1024 * 1024;

const versionSchema = z.looseObject({ schemaVersion: z.int().positive() });

export interface ParsedJson<T> {
  readonly value: T;
  readonly text: string;
}

/**
 * Reads `path` and validates it.
 * @param schemaVersion the version this program writes; files of a later one are refused, not guessed at
 * @throws E-PROJECT-DAMAGED, E-PROJECT-NEWER, E-FILE-*
 */
export async function readJsonFile<T>(
  path: string,
  schema: z.ZodType<T>,
  schemaVersion: number,
): Promise<ParsedJson<T>> {
  const text = await readText(path);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (thrown) {
    throw damagedError(path, thrown instanceof Error ? thrown.message : 'not JSON', thrown);
  }
  const version = versionSchema.safeParse(json);
  if (!version.success) throw damagedError(path, 'schemaVersion is missing', version.error);
  if (version.data.schemaVersion > schemaVersion) {
    throw new QatError(
      'E-PROJECT-NEWER',
      `${path} was written by a newer version of QAT Workbench (format ${version.data.schemaVersion}, this version knows ${schemaVersion}).`,
      'Open it with the newer version. Nothing was changed.',
    );
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw damagedError(path, firstIssue(parsed.error), parsed.error);
  return { value: parsed.data, text };
}

async function readText(path: string): Promise<string> {
  return withRegularFile(path, async (file) => {
    if (file.sizeBytes > jsonFileLimitBytes) {
      throw new QatError(
        'E-FILE-TOO-LARGE',
        `${path} has ${file.sizeBytes} bytes, expected at most ${jsonFileLimitBytes}.`,
        'The file is damaged. Restore it from a backup.',
      );
    }
    const bytes = Buffer.from(allocateBytes(path, file.sizeBytes));
    await file.readInto(bytes, 0);
    return bytes.toString('utf8');
  });
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue ? `${issue.path.join('.') || 'the whole'}: ${issue.message}`.slice(0, 500) : 'not as expected';
}

export function damagedError(path: string, what: string, cause?: unknown): QatError {
  return new QatError(
    'E-PROJECT-DAMAGED',
    `${path} is damaged: ${what}.`,
    'Restore the folder from a backup, or start a new project from the model file.',
    { cause },
  );
}
