/** The user's settings. */
import { z } from 'zod';
import { type Settings, settingsSchema } from '../contract/index.js';
import { LatestWriter } from './latest-writer.js';
import { readJsonFile } from './read-json.js';
import { setAside } from './recent-store.js';

export const defaultSettings: Settings = { theme: 'system', threads: 0 };

const fileVersion = 1;
const fileSchema = z.strictObject({ schemaVersion: z.literal(fileVersion), settings: settingsSchema });

export class SettingsStore {
  #settings: Settings;
  readonly #writer: LatestWriter;

  private constructor(path: string, settings: Settings) {
    this.#settings = settings;
    this.#writer = new LatestWriter(path, () =>
      JSON.stringify({ schemaVersion: fileVersion, settings: this.#settings }),
    );
  }

  /** Settings that cannot be read are set aside as `<path>.damaged`, and the defaults take their place. */
  static async open(path: string): Promise<SettingsStore> {
    const settings = await readJsonFile(path, fileSchema, fileVersion).then(
      ({ value }) => value.settings,
      async () => {
        await setAside(path);
        return defaultSettings;
      },
    );
    return new SettingsStore(path, settings);
  }

  get settings(): Settings {
    return this.#settings;
  }

  /** @throws E-DISK-* */
  async save(settings: Settings): Promise<Settings> {
    this.#settings = settingsSchema.parse(settings);
    await this.#writer.write();
    return this.#settings;
  }
}
