/** Files named on the command line, by a second start, or by the platform (macOS `open-file`). */
import { resolve } from 'node:path';

/**
 * The paths among command-line arguments: whatever is not a switch, not the executable and not the
 * application's own folder.
 */
export function pathsInArguments(argv: readonly string[], workingFolder: string, appPath: string): string[] {
  return argv
    .slice(1)
    .filter((argument) => argument !== '' && !argument.startsWith('-'))
    .map((argument) => resolve(workingFolder, argument))
    .filter((path) => path !== resolve(appPath));
}
