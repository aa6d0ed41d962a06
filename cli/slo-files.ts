/** SLO documents of files, folders and standard input. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { MAX_SLO_FILE_BYTES, readSloDocuments, type SloReading } from '../schemas/index.js';

export interface SloFile {
  readonly file: string;
  readonly readings: readonly SloReading[];
}

const STANDARD_INPUT = '-';
const IS_DOCUMENT = /\.(ya?ml|json)$/i;

export async function readSloFiles(paths: readonly string[]): Promise<SloFile[]> {
  const files: SloFile[] = [];
  for (const path of paths) {
    if (path === STANDARD_INPUT) files.push(fileOf('standard input', await readStandardInput()));
    else for (const file of filesIn(path)) files.push(typeof file === 'string' ? readFile(file) : file);
  }
  return files;
}

/** Of a folder: its documents and those of the folders in it, in order of their names. */
function filesIn(path: string): (string | SloFile)[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    const names = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter(name => IS_DOCUMENT.test(name));
    if (names.length === 0) return [unreadable(path, 'has no .yaml, .yml or .json file')];
    return names.sort().map(name => join(path, name));
  } catch (error) {
    return [unreadable(path, reasonOf(error))];
  }
}

function readFile(path: string): SloFile {
  try {
    // A larger one is refused by its size; it need not be read for that.
    if (statSync(path).size > MAX_SLO_FILE_BYTES) return unreadable(path, 'is larger than 1 MiB: split it');
    return fileOf(path, readFileSync(path, 'utf8'));
  } catch (error) {
    return unreadable(path, reasonOf(error));
  }
}

function fileOf(file: string, text: string): SloFile {
  const readings = readSloDocuments(text, file);
  return readings.length === 0 ? unreadable(file, 'has no document') : { file, readings };
}

function unreadable(file: string, message: string): SloFile {
  const problem = { file, document: 1, line: null, path: '', value: '', message };
  return { file, readings: [{ position: 1, kind: '', name: '', source: null, problems: [problem] }] };
}

const reasonOf = (error: unknown) => `cannot be read: ${error instanceof Error ? error.message : error}`;

async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    // One byte too many is enough for the reader to refuse it.
    if (bytes > MAX_SLO_FILE_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}
