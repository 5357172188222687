/** The complete Fashion-MNIST set as Debian installs it. */
import { existsSync } from 'node:fs';
import { QatError } from '../contract/index.js';
import { type IdxDataset, openIdxFolder } from '../formats/index.js';

export const fashionMnistFolder = '/usr/share/datasets/fashion-mnist';
export const fashionMnistClasses = 10;

/** @throws E-FILE-MISSING saying how to install it, and what `openIdxFolder` throws. */
export async function openFashionMnist(folder: string, signal?: AbortSignal): Promise<IdxDataset> {
  if (!existsSync(folder)) {
    throw new QatError(
      'E-FILE-MISSING',
      `The full Fashion-MNIST set is not in ${folder}.`,
      'Install it with: apt-get install -y dataset-fashion-mnist — or name its folder with --source.',
    );
  }
  return openIdxFolder(folder, { classes: fashionMnistClasses, signal });
}
