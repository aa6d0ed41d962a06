/**
 * The folder of `slo.directory`: its documents are those of the store, as long as they are valid. A file that is not is
 * told of, and what it said before stays; what vanishes from the folder is deleted.
 */
import { type FSWatcher, watch } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_SLO_FILE_BYTES, readSloDocuments, type SloSource, sloProblemText } from '../../schemas/index.js';
import { deleteSloDocument } from '../../store/index.js';
import type { Parts } from '../settings.js';
import { entriesOf, resolveAll, type SetEntry } from './document-set.js';
import type { SloDocuments, Standing } from './documents.js';

/** Watching may miss changes (network file systems): the folder is read so often anyway. */
const RESCAN_MS = 5_000;
/** Editors write a file in several steps. */
const DEBOUNCE_MS = 200;
const IS_DOCUMENT = /\.(ya?ml|json)$/i;

type FolderParts = Pick<Parts, 'store' | 'tenant' | 'logger'>;

interface KnownFile {
  /** What was read last; undefined: it could not be read. */
  readonly text: string | undefined;
  /** Of the last valid text; undefined where there was none since the start. */
  readonly sources: readonly SloSource[] | undefined;
}

export class SloFolder {
  readonly #parts: FolderParts;
  readonly #documents: SloDocuments;
  readonly #directory: string;
  #files = new Map<string, KnownFile>();
  #told = new Set<string>();
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(parts: FolderParts, documents: SloDocuments, directory: string) {
    this.#parts = parts;
    this.#documents = documents;
    this.#directory = directory;
  }

  start(): void {
    try {
      this.#watcher = watch(this.#directory, { recursive: true }, () => this.#soon(DEBOUNCE_MS));
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      // It may come to be later, or cannot be watched: then it is only read from time to time.
    }
    this.#soon(0);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#watcher?.close();
    await this.#running;
  }

  #soon(ms: number): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#running = this.#running.then(() => this.#syncAndWait());
    }, ms);
  }

  async #syncAndWait(): Promise<void> {
    try {
      await this.sync();
    } catch (error) {
      this.#parts.logger.warn({ err: error }, 'the SLO documents of the folder could not be stored; tried again');
    }
    this.#soon(RESCAN_MS);
  }

  /** Brings the store to what the folder says. Returns how many documents were stored or deleted. */
  async sync(): Promise<number> {
    const problems: string[] = [];
    const names = await this.#read(problems);
    if (names === undefined) {
      this.#tell(problems);
      return 0;
    }
    const changed = await this.#documents.change(() => this.#bringIn(names, problems));
    this.#tell(problems);
    if (changed > 0) this.#parts.logger.info({ changed, directory: this.#directory }, 'SLO documents changed');
    return changed;
  }

  async #bringIn(names: readonly string[], problems: string[]): Promise<number> {
    const before = await this.#documents.read();
    const known = names.map(name => this.#files.get(name));
    const sources = known.flatMap(file => file?.sources ?? []);
    const folder = entriesOf(sources, 'folder');
    problems.push(...twice(sources, folder));
    // Of a file that has not been valid since the start it is not known what it held.
    const isWhole = known.every(file => file?.sources !== undefined);
    const gone = isWhole ? goneOf(before, folder) : [];
    const wanted = new Map([...before.entries, ...folder]);
    for (const key of gone) wanted.delete(key);
    for (const { outcome, reasons } of resolveAll(wanted).values()) {
      if (outcome === 'invalid') problems.push(...reasons.map(sloProblemText));
    }
    const stored = await this.#documents.store(wanted, before);
    for (const key of gone) {
      const { kind, name } = before.versions.get(key)!;
      await deleteSloDocument(this.#parts.store, { tenant: this.#parts.tenant, kind, name }, 'folder');
    }
    return stored + gone.length;
  }

  /** Names of its files, which are then known; undefined where the folder cannot be read. */
  async #read(problems: string[]): Promise<string[] | undefined> {
    let names: string[];
    try {
      names = (await readdir(this.#directory, { recursive: true })).filter(name => IS_DOCUMENT.test(name)).sort();
    } catch (error) {
      problems.push(`slo.directory ${this.#directory}: ${messageOf(error)}`);
      return undefined;
    }
    const files = new Map<string, KnownFile>();
    for (const name of names) files.set(name, await this.#readFile(name, problems));
    this.#files = files;
    return names;
  }

  async #readFile(name: string, problems: string[]): Promise<KnownFile> {
    const known = this.#files.get(name);
    const text = await textOf(join(this.#directory, name)).catch((error: unknown) => {
      problems.push(`${name}: ${messageOf(error)}`);
      return undefined;
    });
    if (text === undefined) return { text, sources: known?.sources };
    const readings = readSloDocuments(text, name);
    const found = readings.flatMap(reading => reading.problems.map(sloProblemText));
    problems.push(...found);
    return { text, sources: found.length > 0 ? known?.sources : readings.flatMap(({ source }) => source ?? []) };
  }

  /** Each once, until it is gone. */
  #tell(problems: readonly string[]): void {
    for (const problem of problems) {
      if (!this.#told.has(problem)) this.#parts.logger.error({ problem }, 'an SLO document is not used as it is');
    }
    this.#told = new Set(problems);
  }
}

async function textOf(path: string): Promise<string> {
  if ((await stat(path)).size > MAX_SLO_FILE_BYTES) throw new Error('is larger than 1 MiB: split it');
  return readFile(path, 'utf8');
}

const messageOf = (error: unknown) => `cannot be read: ${error instanceof Error ? error.message : error}`;

/** Names that a file before has given: the first one counts. */
function twice(sources: readonly SloSource[], entries: ReadonlyMap<string, SetEntry>): string[] {
  return sources.flatMap(({ file, document: { kind, metadata } }, index) => {
    const first = entries.get(`${kind}/${metadata.name}`)?.source;
    if (first === sources[index]) return [];
    return `${file}: ${kind} ${metadata.name} is in ${first?.file}, too, which counts: give each a name of its own`;
  });
}

/** Documents of the folder that it holds no more. */
function goneOf({ versions }: Standing, folder: ReadonlyMap<string, SetEntry>): string[] {
  return [...versions].flatMap(([key, { source }]) => (source === 'folder' && !folder.has(key) ? key : []));
}
