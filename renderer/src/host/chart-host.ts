/** What charts may ask of the main process: saving and copying. */
import { request } from './client.js';
import { HostError } from './host-error.js';
import { notify, notifySuccess } from './notices.js';

export type PictureKind = 'svg' | 'png' | 'csv';

export const chartHost = {
  async save(kind: PictureKind, name: string, data: string): Promise<string | null> {
    return (await request('chart.save', { kind, name, data })).path;
  },
  async copyText(text: string): Promise<void> {
    await request('app.copyText', { text });
  },
  async copyPicture(png: Blob): Promise<void> {
    try {
      await navigator.clipboard.write([new ClipboardItem({ 'image/png': png })]);
    } catch (thrown) {
      const why = thrown instanceof Error ? thrown.message : String(thrown);
      throw new HostError(
        {
          code: 'E-INTERNAL',
          message: `The picture could not be put on the clipboard: ${why}`,
          remedy: 'Save the picture to a file instead.',
        },
        'copying the chart',
      );
    }
  },
  done: notifySuccess,
  failed: notify,
};
