/** The functions behind both transports, without sockets: what they make of a case, held against what it deserves. */
import { gunzipSync, inflateSync } from 'node:zlib';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { RecordToPublish } from '../../bus/index.js';
import { inflate, inflaterFor } from '../../ingest/body.js';
import { IngestError } from '../../ingest/errors.js';
import { Receiver } from '../../ingest/receiver.js';
import { createSpanBlock, SpanReader } from '../../otlp/index.js';
import { DEFAULT_LOCATION_ORDER, DEFAULT_TIER_RULES } from '../../schemas/index.js';
import { checkStructure, idsInStructure } from '../otlp/trace-proto.js';
import type { FuzzCase } from './case.js';
import { DiscardingBus, FUZZ_LIMITS } from './fuzz-receivers.js';
import { judgeJson } from './json-reference.js';
import { judgeProtobuf, LENIENT, STRICTER } from './protobuf-reference.js';
import { hasGoodIds, isDeserved, type Refused, type SpanIds, undecodable, type Verdict } from './verdict.js';

const ORIGIN = { partition: 0, offset: 0, appendTimeMs: 0, tenant: 'default' };
const INFLATE = { gzip: gunzipSync, deflate: inflateSync } as const;

/** What the case deserves, by references that share no code with the receivers. */
export function judge({ format, encoding, body }: FuzzCase): Verdict {
  const limitBytes = FUZZ_LIMITS.maxRequestBytes;
  if (body.length > limitBytes) return { kind: 'too large', reason: 'before inflation' };
  const plain = encoding === 'identity' ? body : inflated(INFLATE[encoding], body, limitBytes);
  if (!Buffer.isBuffer(plain)) return plain;
  return format === 'json' ? judgeJson(plain) : judgeProtobuf(plain);
}

/** The receivers hand inflated bytes on in pieces of this size. */
const PIECE_BYTES = 64 * 1024;

function inflated(inflate: typeof gunzipSync, body: Buffer, limitBytes: number): Buffer | Refused {
  let plain = body;
  const error = errorOf(() => {
    plain = inflate(body, { maxOutputLength: limitBytes });
  });
  if (error === '') return plain;
  if (error !== TOO_LARGE) return undecodable('cannot be inflated');
  const beyond = errorOf(() => inflate(body, { maxOutputLength: limitBytes + PIECE_BYTES }));
  return { kind: 'too large', reason: 'inflated', isEither: beyond !== '' && beyond !== TOO_LARGE };
}

const TOO_LARGE = 'ERR_BUFFER_TOO_LARGE';

function errorOf(run: () => unknown): string {
  try {
    run();
    return '';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
}

export class InProcess {
  readonly #bus = new DiscardingBus();
  readonly #receiver: Receiver;
  readonly #reader = new SpanReader({ tierRules: DEFAULT_TIER_RULES, locationOrder: DEFAULT_LOCATION_ORDER });
  readonly #block = createSpanBlock();
  #published: readonly RecordToPublish[] = [];

  constructor() {
    this.#bus.onPublish = records => {
      this.#published = records;
    };
    this.#receiver = new Receiver({
      bus: this.#bus,
      logger: pino({ level: 'silent' }),
      registry: new Registry(),
      limits: FUZZ_LIMITS,
      auth: { tokens: [] },
    });
  }

  /** '' or how what the receiver does differs from what the case deserves. */
  async check(fuzzCase: FuzzCase, deserved: Verdict): Promise<string> {
    const got = await this.#accept(fuzzCase);
    const { heldBytes } = this.#receiver.inFlight;
    if (heldBytes !== 0) return `${heldBytes} bytes stay in flight`;
    if (!isDeserved(got.kind, deserved)) return `${describe(got)}, deserved ${describe(deserved)}`;
    if (deserved.kind !== 'ok' || got.kind !== 'ok') return '';
    const good = deserved.ids.filter(hasGoodIds);
    if (got.rejected !== deserved.ids.length - good.length) return `${got.rejected} spans rejected`;
    return this.#checkRecords(good);
  }

  async #accept({ format, encoding, body }: FuzzCase): Promise<Refused | { kind: 'ok'; rejected: number }> {
    const lease = this.#receiver.inFlight.lease();
    this.#published = [];
    try {
      const { maxRequestBytes } = FUZZ_LIMITS;
      if (body.length > maxRequestBytes) throw new IngestError('INGEST_BODY_TOO_LARGE', 'announced');
      const inflater = inflaterFor(encoding);
      const plain = inflater === undefined ? body : await inflate(body, inflater, maxRequestBytes, lease);
      lease.resize(plain.length);
      const sender = this.#receiver.senders.identify(undefined);
      const answer = await this.#receiver.acceptor.accept('traces', plain, format, sender, lease);
      return { kind: 'ok', rejected: answer.rejectedItems };
    } catch (error) {
      if (!(error instanceof IngestError)) throw error;
      const { httpStatus } = error.verdict;
      if (httpStatus === 400) return undecodable(error.message);
      if (httpStatus === 413) return { kind: 'too large', reason: error.message };
      throw error;
    } finally {
      lease.release();
    }
  }

  /** The records must be readable, hold exactly these spans, and each trace in one partition only. */
  #checkRecords(good: readonly SpanIds[]): string {
    const found: string[] = [];
    const partitionOf = new Map<string, number>();
    for (const { payload, partition, itemCount } of this.#published) {
      const block = this.#block;
      block.reset();
      const { error, spans } = this.#reader.read(payload, ORIGIN, block);
      if (error !== '') return `the log's reader cannot read the record: ${error}`;
      if (spans !== itemCount) return `${spans} spans in a record of ${itemCount}`;
      for (let row = 0; row < block.rows; row++) {
        const traceId = hexAt(block.traceId, row, 16);
        found.push(`${traceId}/${hexAt(block.spanId, row, 8)}`);
        const partitions = partitionOf.get(traceId) ?? partition;
        if (partitions !== partition) return `trace ${traceId} in partitions ${partitions} and ${partition}`;
        partitionOf.set(traceId, partition);
      }
    }
    const wanted = good.map(ids => ids.join('/')).sort();
    return found.sort().join() === wanted.join()
      ? ''
      : `${found.length} spans with other ids than the ${wanted.length} sent`;
  }
}

function describe(verdict: { kind: string; reason?: string }): string {
  return verdict.reason === undefined ? verdict.kind : `${verdict.kind} (${verdict.reason})`;
}

function hexAt(bytes: Uint8Array, row: number, width: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + row * width, width).toString('hex');
}

/** '' or how the verdict differs from that of protobufjs with the official .proto, beyond the rules written down. */
export function compareWithProtobufjs(plain: Uint8Array, verdict: Verdict): string {
  if (verdict.kind !== 'ok') {
    if (STRICTER.test(verdict.reason)) return '';
    try {
      checkStructure(plain);
    } catch {
      return '';
    }
    return `protobufjs takes what is ${verdict.reason}`;
  }
  try {
    const ids = idsInStructure(plain);
    return JSON.stringify(ids) === JSON.stringify(verdict.ids) ? '' : 'protobufjs finds other ids';
  } catch (error) {
    const { message } = error as Error;
    return LENIENT.test(message) ? '' : `protobufjs refuses: ${message}`;
  }
}
