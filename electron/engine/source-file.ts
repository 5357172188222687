/** The file of the open model is never written to. */
import { stat } from 'node:fs/promises';
import { QatError } from '../contract/index.js';
import type { SafetensorsFile } from '../formats/index.js';

/** Whatever the target is called by. @throws E-REQUEST-INVALID */
export async function refuseSourceFile({ path, identity }: SafetensorsFile, target: string): Promise<void> {
  const found = await stat(target, { bigint: true }).catch(() => null);
  if (!found || found.ino !== identity.inode || found.dev !== identity.device) return;
  throw new QatError(
    'E-REQUEST-INVALID',
    `${target} is the float model this project is about (${path}); writing there would destroy it.`,
    'Choose another name for the file.',
  );
}
