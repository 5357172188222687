/** The sandboxed bridge: plain JSON across, nothing of Node or Electron exposed. */
import { contextBridge, ipcRenderer, webUtils } from 'electron';
// The one file of the contract without schemas: a sandboxed preload must not bundle zod.
import { channels, type QatBridge, type RequestEnvelope } from '../contract/bridge.js';
import type { AppEvent } from '../contract/events.js';

// Request ids stay unique when the page reloads while older requests are still answered.
const page = Date.now().toString(36);
let serial = 0;

const bridge: QatBridge = {
  request(route, input, id) {
    serial += 1;
    const envelope: RequestEnvelope = { id: id ?? `${page}-${serial}`, route, input };
    return ipcRenderer.invoke(channels.request, envelope);
  },
  cancel(id) {
    ipcRenderer.send(channels.cancel, id);
  },
  onEvent(listener) {
    const receive = (_event: unknown, payload: AppEvent) => listener(payload);
    ipcRenderer.on(channels.event, receive);
    return () => ipcRenderer.removeListener(channels.event, receive);
  },
  pathOf(file) {
    // webUtils exists from Electron 29 on; File.path until 31.
    if (webUtils?.getPathForFile) return webUtils.getPathForFile(file as File);
    return (file as { path?: string }).path ?? '';
  },
};

contextBridge.exposeInMainWorld('qat', bridge);
