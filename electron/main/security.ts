/** Everything a page could ask of Chromium that this product never needs is denied here. */
import { app, session, type WebContents } from 'electron';
import { isAppUrl } from './app-url.js';
import { write } from './log.js';

/**
 * Before `app.ready`: no host name resolves, nothing navigates. (The sandbox is the window's own setting:
 * `app.enableSandbox` would take back the `--no-sandbox` that root needs in development and tests.)
 */
export function denyNetworkAtStart(): void {
  app.commandLine.appendSwitch('host-resolver-rules', 'MAP * ~NOTFOUND');
  app.commandLine.appendSwitch('disable-background-networking');
  app.commandLine.appendSwitch('disable-component-update');
  app.on('web-contents-created', (_event, contents) => denyNavigation(contents));
}

/** After `app.ready`, before the first window. */
export function denySessionCapabilities(): void {
  const current = session.defaultSession;
  current.setPermissionRequestHandler((_contents, permission, decide) => {
    write('warn', 'security', `denied the permission ${permission}`);
    decide(false);
  });
  current.setPermissionCheckHandler(() => false);
  current.setDevicePermissionHandler(() => false);
  current.setSpellCheckerEnabled(false);
  current.webRequest.onBeforeRequest((details, decide) => {
    const allowed = isAppUrl(details.url) || /^(devtools|data|blob):/.test(details.url);
    if (!allowed) write('warn', 'security', `blocked a request to ${details.url.slice(0, 200)}`);
    decide({ cancel: !allowed });
  });
  current.on('will-download', (event) => event.preventDefault());
}

function denyNavigation(contents: WebContents): void {
  contents.setWindowOpenHandler(({ url }) => {
    write('warn', 'security', `denied a new window for ${url.slice(0, 200)}`);
    return { action: 'deny' };
  });
  contents.on('will-navigate', (event, url) => {
    if (isAppUrl(url)) return;
    write('warn', 'security', `denied navigation to ${url.slice(0, 200)}`);
    event.preventDefault();
  });
  contents.on('will-redirect', (event) => event.preventDefault());
  contents.on('will-attach-webview', (event) => event.preventDefault());
}
