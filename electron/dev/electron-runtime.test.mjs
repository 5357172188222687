import { afterEach, expect, it, vi } from 'vitest';
import { downloadOfficial, downloadServer } from './electron-official.mjs';
import { resolveElectron } from './electron-runtime.mjs';

afterEach(() => vi.unstubAllEnvs());

it('refuses an override that holds no Electron instead of running another one', async () => {
  vi.stubEnv('ELECTRON_OVERRIDE_DIST_PATH', '/nonexistent/electron');
  await expect(resolveElectron()).rejects.toMatchObject({
    message: expect.stringContaining('/nonexistent/electron'),
  });
});

it('gives up an unreachable download in seconds and says why', async () => {
  // Nothing listens on the discard port; the name needs no resolver.
  vi.stubEnv('ELECTRON_MIRROR', 'https://127.0.0.1:9/');
  for (const name of ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy']) vi.stubEnv(name, '');
  const startMs = performance.now();
  expect(await downloadOfficial()).toEqual({ reason: '127.0.0.1 cannot be reached (ECONNREFUSED)' });
  expect(performance.now() - startMs).toBeLessThan(5_000);
});

it('asks a mirror where one is set, GitHub otherwise', () => {
  expect(downloadServer({}).hostname).toBe('github.com');
  expect(downloadServer({ ELECTRON_MIRROR: 'https://mirror.example/electron/' }).hostname).toBe(
    'mirror.example',
  );
  expect(downloadServer({ ELECTRON_MIRROR: 'no address' }).hostname).toBe('github.com');
});
