/** One rotating log file under the app's log folder; the home directory is not written out. */
import { homedir } from 'node:os';
import log from 'electron-log/main';

export type LogLevel = 'error' | 'warn' | 'info';

export function setUpLog(): void {
  log.transports.file.maxSize = 5 * 1024 * 1024;
  log.transports.file.format = '{y}-{m}-{d} {h}:{i}:{s}.{ms} {level} {text}';
  log.transports.console.level = 'warn';
  process.on('uncaughtException', (error) => write('error', 'main', describe(error)));
  process.on('unhandledRejection', (reason) => write('error', 'main', describe(reason)));
}

export function write(level: LogLevel, part: string, message: string): void {
  log[level](`[${part}] ${redact(message)}`);
}

export function logFile(): string {
  return log.transports.file.getFile().path;
}

export function describe(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
}

function redact(message: string): string {
  const home = homedir();
  return home.length > 1 ? message.split(home).join('~') : message;
}
