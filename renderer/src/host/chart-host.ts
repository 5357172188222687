/** What charts may ask of the main process: saving and copying. */
import { request } from './client.js';
import { notify, notifySuccess } from './notices.js';

export type PictureKind = 'svg' | 'png' | 'csv';

export const chartHost = {
  async save(kind: PictureKind, name: string, data: string): Promise<string | null> {
    return (await request('chart.save', { kind, name, data })).path;
  },
  async copyText(text: string): Promise<void> {
    await request('app.copyText', { text });
  },
  /** `png`: the file's bytes as base64. */
  async copyPicture(png: string): Promise<void> {
    await request('app.copyImage', { png });
  },
  done: notifySuccess,
  failed: notify,
};
