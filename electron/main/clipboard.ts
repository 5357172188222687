/** The clipboard on every Electron we run on: synchronous with `writeImage` in 25, items and promises in 45. */
import { ClipboardItem, clipboard, nativeImage } from 'electron';

interface OlderClipboard {
  writeImage?(image: Electron.NativeImage): void;
}

export async function copyText(text: string): Promise<void> {
  await clipboard.writeText(text);
}

/** `png`: the bytes of a PNG file. */
export async function copyImage(png: Buffer): Promise<void> {
  const older = clipboard as OlderClipboard;
  if (older.writeImage) {
    older.writeImage(nativeImage.createFromBuffer(png));
    return;
  }
  await clipboard.write([new ClipboardItem({ 'image/png': new Blob([new Uint8Array(png)]) })]);
}
