import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { failureOf, withTemporaryFolder } from '../formats/test-support.js';
import { RecentStore } from './recent-store.js';
import { defaultSettings, SettingsStore } from './settings-store.js';

describe('RecentStore', () => {
  it('keeps the ten newest, each path once, and flags what is gone', async () => {
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, 'recent.json');
      const store = await RecentStore.open(path);
      for (let i = 0; i < 12; i++)
        await store.add({ kind: 'model', name: `m${i}`, path: join(folder, `m${i}`) });
      await store.add({ kind: 'model', name: 'again', path: join(folder, 'm5') });
      await writeFile(join(folder, 'm5'), '');
      const entries = await (await RecentStore.open(path)).list();
      expect(entries.length).toBe(10);
      expect(entries[0]).toMatchObject({ name: 'again', missing: false });
      expect(entries.filter((entry) => entry.path.endsWith('m5')).length).toBe(1);
      expect(entries[1]).toMatchObject({ name: 'm11', missing: true });
      await store.clear();
      expect(await (await RecentStore.open(path)).list()).toEqual([]);
    });
  });
});

describe('SettingsStore', () => {
  it('keeps settings; what cannot be read is set aside and the defaults hold', async () => {
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, 'settings.json');
      const store = await SettingsStore.open(path);
      expect(store.settings).toEqual(defaultSettings);
      await store.save({ theme: 'dark', threads: 2 });
      expect((await SettingsStore.open(path)).settings).toEqual({ theme: 'dark', threads: 2 });
      const good = await readFile(path);
      for (let cut = 0; cut < good.length; cut++) {
        await writeFile(path, good.subarray(0, cut));
        expect((await SettingsStore.open(path)).settings).toEqual(defaultSettings);
      }
      expect((await readFile(`${path}.damaged`)).length).toBe(good.length - 1);
    });
  });

  it('a folder in place of the file gives the defaults, and saving works again', async () => {
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, 'settings.json');
      await mkdir(path);
      const store = await SettingsStore.open(path);
      expect(store.settings).toEqual(defaultSettings);
      await store.save({ theme: 'light', threads: 0 });
      expect((await SettingsStore.open(path)).settings.theme).toBe('light');
      const lost = await SettingsStore.open(join(folder, 'none', 'settings.json'));
      expect((await failureOf(lost.save(defaultSettings))).code).toBe('E-DISK-WRITE');
    });
  });
});
