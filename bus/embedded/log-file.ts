/** The LMDB environment of the log, its trees, and what LMDB's errors mean to the bus. */
import { existsSync, mkdirSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { BusError } from '../errors.js';
import { checkLogFile, DATA_FILE, MADE_FILE, PAGE_BYTES } from './file-check.js';

type Tree = Database<Buffer, Buffer>;

export interface LogFile {
  readonly directory: string;
  readonly environment: RootDatabase<Buffer, Buffer>;
  /** `recordKey` → record. */
  readonly records: Tree;
  /** `partitionKey` → PartitionRow. */
  readonly partitions: Tree;
  /** UTF-8 name → f64. */
  readonly counters: Tree;
  /** `sequenceKey` → dead letter. */
  readonly deadLetters: Tree;
  /** Format version, usage, consumer lock. */
  readonly meta: Tree;
}

const MAX_READERS = 128;
const LOCK_FILE = 'lock.mdb';
/** Far more than LMDB's first pages. */
const NEW_LOG_BYTES = 1 << 20;

/**
 * Opens the environment. A commit is written, synced, and only then made visible and resolved
 * (`overlappingSync: false`): slower per commit than LMDB's overlapping mode but as fast under group commit (measured),
 * and a consumer never sees a record that a power loss could take back. `eventTurnBatching` is off because a failing
 * commit would reject a promise inside lmdb that nobody can handle.
 */
export function openLogFile(directory: string, maxBytes: number): LogFile {
  try {
    mkdirSync(directory, { recursive: true });
    checkLogFile(directory);
    checkRoom(directory);
    const environment = open<Buffer, Buffer>({
      path: directory,
      noSubdir: false,
      encoding: 'binary',
      keyEncoding: 'binary',
      compression: false,
      // Free memory of this process may end up in unused parts of a file that only its owner can read.
      noMemInit: true,
      overlappingSync: false,
      eventTurnBatching: false,
      pageSize: PAGE_BYTES,
      // Address space only. lmdb-js would enlarge the map by itself, keeping old maps: start with what is needed.
      mapSize: Math.ceil((maxBytes * 2) / PAGE_BYTES) * PAGE_BYTES,
      maxReaders: MAX_READERS,
      maxDbs: 8,
    });
    const tree = (name: string): Tree =>
      environment.openDB<Buffer, Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' });
    return {
      directory,
      environment,
      records: tree('records'),
      partitions: tree('partitions'),
      counters: tree('counters'),
      deadLetters: tree('dead_letters'),
      meta: tree('meta'),
    };
  } catch (cause) {
    throw toBusError(cause, `cannot open the log in ${directory}`);
  }
}

/** LMDB maps its lock file: where the disk has no room for a page of it, touching that ends the process by SIGBUS. */
function checkRoom(directory: string): void {
  const sizes = [LOCK_FILE, DATA_FILE].map(name => statSync(join(directory, name), { throwIfNoEntry: false })?.size);
  const isNew = sizes.some(size => size === undefined || size === 0);
  if (!isNew || freeBytesAt(directory) >= NEW_LOG_BYTES) return;
  const text = `less than ${NEW_LOG_BYTES} bytes free on the disk of ${directory}: too few for a new log`;
  throw new BusError('BUS_FULL', `${text}. Make room, then start again`);
}

/** Once there is something in it: from now on a file without content is not a new log. */
export function markMade({ directory }: LogFile): void {
  const path = join(directory, MADE_FILE);
  if (!existsSync(path))
    writeFileSync(path, 'The log in data.mdb was made. Without this file an empty one counts as new.\n');
}

export function fileBytes(file: LogFile): number {
  return statSync(join(file.directory, DATA_FILE)).size;
}

export function freeDiskBytes({ directory }: LogFile): number {
  return freeBytesAt(directory);
}

function freeBytesAt(directory: string): number {
  const disk = statfsSync(directory);
  return disk.bavail * disk.bsize;
}

/** errno EIO, EFBIG, ENOSPC, EDQUOT; MDB_MAP_FULL, MDB_TXN_FULL. LMDB reports a short write (disk full) as EIO. */
const FULL_CODES = new Set<unknown>([5, 27, 28, 122, -30792, -30788, 'ENOSPC', 'EDQUOT', 'EFBIG']);
/** MDB_CORRUPTED, MDB_PAGE_NOTFOUND, MDB_INVALID, MDB_VERSION_MISMATCH, MDB_INCOMPATIBLE. */
const CORRUPT_CODES = new Set<unknown>([-30796, -30797, -30793, -30794, -30784]);

export function toBusError(cause: unknown, what: string): BusError {
  if (cause instanceof BusError) return cause;
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  const text = `${what}: ${cause instanceof Error ? cause.message : String(cause)}`;
  if (FULL_CODES.has(code)) return new BusError('BUS_FULL', `${text} (disk full or failing)`, { cause });
  if (CORRUPT_CODES.has(code)) return new BusError('BUS_CORRUPT', text, { cause });
  return new BusError('BUS_UNAVAILABLE', text, { cause });
}
