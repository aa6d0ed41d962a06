/**
 * Looks at the log's file before LMDB maps it. LMDB trusts its pages: one that is cut off or points nowhere would end the
 * process by a signal that names nothing. Checked are the two meta pages and the pages of the trees, up to a limit; what the
 * records hold has checksums of its own (record-codec.ts).
 *
 * Layout (LMDB 1.0, data version 2), little-endian. Page: u64 number, u64 transaction, u16 pad, u16 flags (at 18), then
 * u16 lower and u16 upper bound of what is free, from the end of this header, as all places in a page are. Meta: at 24 u32 magic, u32 version, u64 address, u64 map size, two trees
 * of 48 bytes (at 48 and 96; u32 pad, which is the page size in the first; the root at 40), u64 last page (at 144), u64
 * transaction (at 152). Node: u32 size of data, u16 flags, u16 size of key, key, data; in a branch the first 48 bits are
 * the child's page number.
 */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { BusError } from '../errors.js';

export const DATA_FILE = 'data.mdb';
export const PAGE_BYTES = 4096;
/** Written once the log has been made: an empty file beside it has lost what it held. */
export const MADE_FILE = 'made';

const HEADER_BYTES = 24;
const NODE_BYTES = 8;
const MAGIC = 0xbeefc0de;
const VERSION = 2;
const BRANCH = 1;
const LEAF = 2;
const BIG_DATA = 1;
const SUB_TREE = 2;
const NO_PAGE = 2 ** 64;
/** 64 MiB of branches and leaves: what a log of hundreds of thousands of records has. Beyond it a start would take long. */
const MAX_PAGES = 16_384;
/** Another process may be writing: only what one and the same transaction left can be judged. */
const LOOKS = 5;

interface Meta {
  readonly transaction: number;
  readonly roots: readonly number[];
  readonly lastPage: number;
}

/** Throws BUS_CORRUPT with the file's name, what is wrong with it, and what can be done. */
export function checkLogFile(directory: string): void {
  const path = join(directory, DATA_FILE);
  const wasMade = existsSync(join(directory, MADE_FILE));
  if (!existsSync(path)) {
    if (wasMade) throw damaged(path, 'it is gone');
    return;
  }
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    // LMDB makes an empty file a new log.
    if (size === 0 && !wasMade) return;
    const fault = size < 2 * PAGE_BYTES ? `it has ${size} bytes` : faultOf(file);
    if (fault !== undefined) throw damaged(path, fault);
  } finally {
    closeSync(file);
  }
}

function damaged(path: string, fault: string): BusError {
  return new BusError(
    'BUS_CORRUPT',
    `the log's file ${path} is damaged: ${fault}. Put back a copy of its directory; or move the directory away to begin ` +
      'with an empty log: what was in it and not yet stored is then lost',
  );
}

function faultOf(file: number): string | undefined {
  for (let look = 1; ; look++) {
    const before = newestMeta(file);
    if (typeof before === 'string') return before;
    const fault = new TreeWalk(file, before).fault();
    const after = newestMeta(file);
    if (typeof after === 'string') return after;
    if (fault === undefined || after.transaction === before.transaction) return fault;
    // It is in use by a process that finds it sound.
    if (look === LOOKS) return undefined;
  }
}

function newestMeta(file: number): Meta | string {
  const metas = [0, 1].map(page => readMeta(file, page));
  const fault = metas.find(meta => typeof meta === 'string');
  if (fault !== undefined) return fault;
  const [first, second] = metas as Meta[];
  return first.transaction >= second.transaction ? first : second;
}

function readMeta(file: number, page: number): Meta | string {
  const bytes = readPage(file, page);
  if (bytes.readUInt32LE(HEADER_BYTES) !== MAGIC) return `page ${page} does not begin a log`;
  const version = bytes.readUInt32LE(28);
  if (version !== VERSION) return `page ${page} has format ${version}, not ${VERSION}`;
  const pageBytes = bytes.readUInt32LE(48);
  if (pageBytes !== PAGE_BYTES) return `page ${page} speaks of pages of ${pageBytes} bytes, not ${PAGE_BYTES}`;
  return {
    transaction: readNumber(bytes, 152),
    roots: [readNumber(bytes, 48 + 40), readNumber(bytes, 96 + 40)].filter(root => root < NO_PAGE),
    lastPage: readNumber(bytes, 144),
  };
}

/** Short at the end of the file; the rest is zeros then. */
function readPage(file: number, page: number): Buffer {
  const bytes = Buffer.alloc(PAGE_BYTES);
  readSync(file, bytes, 0, PAGE_BYTES, page * PAGE_BYTES);
  return bytes;
}

/** Page numbers and transactions; `NO_PAGE` (all bits set) rounds to 2^64. */
function readNumber(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
}

/** Goes over all pages that can be reached from the roots, in any order. */
class TreeWalk {
  readonly #file: number;
  readonly #filePages: number;
  readonly #lastPage: number;
  readonly #transaction: number;
  readonly #waiting: number[];
  readonly #seen = new Set<number>();

  constructor(file: number, { roots, lastPage, transaction }: Meta) {
    this.#file = file;
    this.#filePages = Math.floor(fstatSync(file).size / PAGE_BYTES);
    this.#lastPage = lastPage;
    this.#transaction = transaction;
    this.#waiting = [...roots];
  }

  fault(): string | undefined {
    for (let page = this.#waiting.pop(); page !== undefined; page = this.#waiting.pop()) {
      const fault = this.#pageFault(page);
      if (fault !== undefined) return fault;
      if (this.#seen.size >= MAX_PAGES) return undefined;
    }
    return undefined;
  }

  #pageFault(page: number): string | undefined {
    const fault = this.#rangeFault(page, 1);
    if (fault !== undefined) return fault;
    if (this.#seen.has(page)) return `page ${page} is in two places of its trees`;
    this.#seen.add(page);
    const bytes = readPage(this.#file, page);
    if (readNumber(bytes, 0) !== page) return `page ${page} says that it is page ${readNumber(bytes, 0)}`;
    if (readNumber(bytes, 8) > this.#transaction) return `page ${page} is of a transaction that is yet to come`;
    const flags = bytes.readUInt16LE(18);
    const [lower, upper] = [bytes.readUInt16LE(20), bytes.readUInt16LE(22)];
    if ((flags & 0x0f) !== BRANCH && (flags & 0x0f) !== LEAF) return `page ${page} is none of a tree (${flags})`;
    if (lower > upper || HEADER_BYTES + upper > PAGE_BYTES || lower % 2 === 1)
      return `page ${page} has bounds ${lower} and ${upper}`;
    for (let at = HEADER_BYTES; at < HEADER_BYTES + lower; at += 2) {
      const node = HEADER_BYTES + bytes.readUInt16LE(at);
      const isWithin = node >= HEADER_BYTES + upper && node + NODE_BYTES <= PAGE_BYTES;
      const nodeFault = isWithin ? this.#nodeFault(bytes, node, (flags & LEAF) !== 0) : 'a node outside of it';
      if (nodeFault !== undefined) return `page ${page} has ${nodeFault}`;
    }
    return undefined;
  }

  #nodeFault(bytes: Buffer, node: number, isLeaf: boolean): string | undefined {
    const dataAt = node + NODE_BYTES + bytes.readUInt16LE(node + 6);
    if (!isLeaf) {
      if (dataAt > PAGE_BYTES) return 'a key that leads out of it';
      this.#waiting.push(bytes.readUInt32LE(node) + bytes.readUInt16LE(node + 4) * 2 ** 32);
      return undefined;
    }
    const flags = bytes.readUInt16LE(node + 4);
    const dataBytes = bytes.readUInt32LE(node);
    const inlineBytes = (flags & BIG_DATA) !== 0 ? 8 : dataBytes;
    if (dataAt + inlineBytes > PAGE_BYTES) return 'a value that leads out of it';
    if ((flags & BIG_DATA) !== 0) {
      const pages = Math.ceil((HEADER_BYTES + dataBytes) / PAGE_BYTES);
      const fault = this.#rangeFault(readNumber(bytes, dataAt), pages);
      return fault && `a value of which ${fault}`;
    }
    if ((flags & SUB_TREE) !== 0) {
      const root = readNumber(bytes, dataAt + 40);
      if (root < NO_PAGE) this.#waiting.push(root);
    }
    return undefined;
  }

  #rangeFault(page: number, pages: number): string | undefined {
    const last = page + pages - 1;
    if (page < 2 || last > this.#lastPage) return `page ${last} is none of ${this.#lastPage + 1}`;
    if (last >= this.#filePages) return `page ${last} is cut off: the file has ${this.#filePages}`;
    return undefined;
  }
}
