/**
 * Lines of journal.ndjson: `{"seq":…,"kind":…,"data":…,"crc32":"…"}`. The checksum covers the line without
 * itself. Reading stops at the first line that is cut, damaged or out of order: an edit may rest on the
 * ones before it.
 */
import { z } from 'zod';
import { toReadError } from '../formats/file-errors.js';
import { allocateBytes, withRegularFile } from '../formats/regular-file.js';
import { crc32Hex } from './crc32.js';
import { applyEdit, editSchema, type ProjectDocument, type ProjectEdit } from './project-document.js';

/** A longer edit goes into project.json directly. */
export const journalLineLimitBytes = 1024 * 1024;
const journalLimitBytes = 64 * 1024 * 1024;
const checksumTail = /,"crc32":"([0-9a-f]{8})"\}$/;
const checksumTailLength = ',"crc32":"00000000"}'.length;

export interface JournalEntry {
  readonly seq: number;
  readonly edit: ProjectEdit;
}

export interface JournalContent {
  readonly entries: readonly JournalEntry[];
  /** Bytes after the last good line: 0 when the file ended as it should. */
  readonly lostBytes: number;
}

export function encodeJournalLine({ seq, edit }: JournalEntry): Buffer {
  const body = JSON.stringify({ seq, kind: edit.kind, data: edit.data });
  return Buffer.from(`${body.slice(0, -1)},"crc32":"${crc32Hex(Buffer.from(body))}"}\n`);
}

export function decodeJournal(bytes: Buffer): JournalContent {
  const entries: JournalEntry[] = [];
  let position = 0;
  while (position < bytes.length) {
    const end = bytes.indexOf(0x0a, position);
    if (end < 0 || end - position > journalLineLimitBytes) break;
    const entry = decodeLine(bytes.subarray(position, end));
    if (!entry) break;
    entries.push(entry);
    position = end + 1;
  }
  return { entries, lostBytes: bytes.length - position };
}

const seqSchema = z.int().positive();

function decodeLine(line: Buffer): JournalEntry | undefined {
  const text = line.toString('utf8');
  const checksum = checksumTail.exec(text)?.[1];
  if (checksum === undefined) return undefined;
  const body = `${text.slice(0, -checksumTailLength)}}`;
  if (crc32Hex(Buffer.from(body)) !== checksum) return undefined;
  try {
    const { seq, ...rest } = JSON.parse(body) as Record<string, unknown>;
    const parsedSeq = seqSchema.safeParse(seq);
    const edit = editSchema.safeParse(rest);
    return parsedSeq.success && edit.success ? { seq: parsedSeq.data, edit: edit.data } : undefined;
  } catch {
    return undefined;
  }
}

/** The journal at `path`; empty when there is none. @throws E-FILE-UNREADABLE, E-FILE-NOT-A-FILE */
export async function readJournal(path: string): Promise<JournalContent> {
  try {
    return await withRegularFile(path, async (file) => {
      const bytes = Buffer.from(allocateBytes(path, Math.min(file.sizeBytes, journalLimitBytes)));
      await file.readInto(bytes, 0);
      const content = decodeJournal(bytes);
      return { ...content, lostBytes: content.lostBytes + file.sizeBytes - bytes.length };
    });
  } catch (thrown) {
    const error = toReadError(path, thrown);
    if (error.code === 'E-FILE-MISSING') return { entries: [], lostBytes: 0 };
    throw error;
  }
}

/** Applies the edits that follow `document.lastSeq` without a gap; edits it already contains are passed over. */
export function replay(document: ProjectDocument, entries: readonly JournalEntry[]): ProjectDocument {
  let result = document;
  for (const { seq, edit } of entries) {
    if (seq <= result.lastSeq) continue;
    if (seq !== result.lastSeq + 1) break;
    result = { ...applyEdit(result, edit), lastSeq: seq };
  }
  return result;
}
