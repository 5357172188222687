/** The only user of `ipcMain`: checks who is asking, then hands the envelope to the router. */
import { type IpcMainEvent, type IpcMainInvokeEvent, ipcMain } from 'electron';
import { channels, QatError } from '../contract/index.js';
import { isAppUrl } from './app-url.js';
import { write } from './log.js';
import type { Router } from './router.js';

export function connectIpc(router: Router): void {
  ipcMain.handle(channels.request, (event, envelope: unknown) => {
    if (isTrusted(event)) return router.handle(envelope);
    write('warn', 'ipc', `refused a request from ${event.senderFrame?.url ?? 'a closed frame'}`);
    return { ok: false, error: refused().toInfo() };
  });
  ipcMain.on(channels.cancel, (event, id: unknown) => {
    if (isTrusted(event)) router.cancel(id);
  });
}

/** Only the top frame of a window that shows our own page may ask. */
function isTrusted(event: IpcMainEvent | IpcMainInvokeEvent): boolean {
  const frame = event.senderFrame;
  return frame !== null && frame === event.sender.mainFrame && isAppUrl(frame.url);
}

function refused(): QatError {
  return new QatError(
    'E-SENDER-REFUSED',
    'The request did not come from the application window.',
    'Use the application window.',
  );
}
