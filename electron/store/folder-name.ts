/** A folder name that every file system takes, from any text a model file may carry. */

const windowsNames = /^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$/i;
const maxBytes = 80;

/** Letters, digits, `-`, `_` and inner dots survive; everything else becomes `-`. Never empty. */
export function toFolderName(text: string): string {
  const plain = text
    .normalize('NFC')
    .replace(/[^\p{L}\p{N}._-]+/gu, '-')
    .replace(/\.{2,}/g, '.');
  let name = '';
  for (const character of plain) {
    if (Buffer.byteLength(name + character) > maxBytes) break;
    name += character;
  }
  name = name.replace(/^[-.]+|[-.]+$/g, '');
  if (name === '') return 'project';
  return windowsNames.test(name) ? `_${name}` : name;
}
