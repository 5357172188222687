/** Starts the real application with its own user data, and watches for anything a user should never see. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { _electron, type ElectronApplication, expect, type Page } from '@playwright/test';

const root = resolve(fileURLToPath(new URL('.', import.meta.url)), '../..');

export interface Workbench {
  app: ElectronApplication;
  page: Page;
  userData: string;
  /** Console errors, page errors and content-security-policy violations so far. */
  problems: string[];
  /** Ends the app as a user does, and checks that nothing went wrong. */
  close(): Promise<void>;
}

export interface LaunchOptions {
  userData?: string;
  arguments?: string[];
  size?: { width: number; height: number };
}

export async function temporaryFolder(prefix: string): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), prefix));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

export async function launch(options: LaunchOptions = {}): Promise<Workbench> {
  // A folder that the journey brought stays: it starts the app on it again.
  const folder = options.userData
    ? { path: options.userData, remove: async () => undefined }
    : await temporaryFolder('qat-user-');
  const userData = folder.path;
  const executablePath = process.env.QAT_ELECTRON_PATH;
  if (!executablePath) throw new Error('QAT_ELECTRON_PATH is not set: the global set-up did not run');
  const app = await _electron.launch({
    executablePath,
    args: [
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      // There is no GPU under Xvfb; asking for one first only takes seconds.
      '--disable-gpu',
      root,
      `--user-data-dir=${userData}`,
      ...(options.arguments ?? []),
    ],
    cwd: root,
    // Playwright would otherwise pretend that the system prefers light, whatever the app asks for.
    colorScheme: null,
  });
  const page = await app.firstWindow();
  const problems = watch(page);
  await resize(app, options.size ?? { width: 1280, height: 800 });
  await page.waitForLoadState('domcontentloaded');
  return {
    app,
    page,
    userData,
    problems,
    async close() {
      await app.close();
      await folder.remove();
      expect(problems, 'console errors and policy violations').toEqual([]);
    },
  };
}

/** The window's content takes this size, as pictures of views need it. */
export async function resize(
  app: ElectronApplication,
  size: { width: number; height: number },
): Promise<void> {
  await app.evaluate(({ BrowserWindow }, { width, height }) => {
    const window = BrowserWindow.getAllWindows()[0];
    window?.setContentSize(width, height);
    window?.setPosition(0, 0);
  }, size);
}

/** The whole window takes this theme, as if the system asked for it. */
export async function showTheme({ app, page }: Workbench, theme: 'dark' | 'light'): Promise<void> {
  await app.evaluate(({ nativeTheme }, wanted) => {
    nativeTheme.themeSource = wanted;
  }, theme);
  await expect(page.locator(`html[data-theme="${theme}"]`)).toBeAttached();
}

/** Dialogs are the platform's own and cannot be clicked: the next ones answer with these paths. */
export async function answerDialogs(app: ElectronApplication, paths: (string | null)[]): Promise<void> {
  await app.evaluate(({ dialog }, answers) => {
    const queue = [...answers];
    const next = () => queue.shift() ?? null;
    dialog.showOpenDialog = async () => {
      const path = next();
      return { canceled: path === null, filePaths: path === null ? [] : [path] };
    };
    dialog.showSaveDialog = async () => {
      const path = next();
      return { canceled: path === null, filePath: path ?? '' };
    };
  }, paths);
}

/** The next questions of the app are answered with these buttons, counted from 0. */
export async function answerQuestions(app: ElectronApplication, buttons: number[]): Promise<void> {
  await app.evaluate(({ dialog }, answers) => {
    const queue = [...answers];
    dialog.showMessageBox = async () => {
      const response = queue.shift();
      if (response === undefined) throw new Error('a question too many');
      return { response, checkboxChecked: false };
    };
  }, buttons);
}

function watch(page: Page): string[] {
  const problems: string[] = [];
  page.on('console', (message) => {
    const text = message.text();
    if (message.type() === 'error' || message.type() === 'warning' || /Content Security Policy/i.test(text)) {
      problems.push(`${message.type()}: ${text}`);
    }
  });
  page.on('pageerror', (error) => problems.push(`page error: ${error.stack ?? error.message}`));
  return problems;
}
