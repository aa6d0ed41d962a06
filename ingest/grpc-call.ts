import type { Metadata, ServerInterceptingCallInterface, ServerListener } from '@grpc/grpc-js';
import type { Sender } from './auth.js';
import { CHUNK_OVERHEAD_BYTES, inflate, inflaterFor, overloaded, tooLarge } from './body.js';
import { IngestError } from './errors.js';
import { grpcStatusOf } from './grpc-status.js';
import { takeWire, type Wire } from './grpc-wire.js';
import type { Lease } from './in-flight.js';
import type { Receiver } from './receiver.js';
import type { UnderWay } from './under-way.js';

/** In front of every message: whether it is compressed (1 byte), and its length (4 bytes, big-endian). */
const FRAME_HEADER_BYTES = 5;

/**
 * One call, from its headers until it has ended: the same checks, limits and timeouts, in the same order, as an HTTP
 * request has. It listens in front of grpc-js's handler, so whoever may not send is refused before a byte is read.
 */
export class GrpcCall {
  readonly lease: Lease;
  private readonly receiver: Receiver;
  private readonly endRequest: () => void;
  private readonly call: ServerInterceptingCallInterface;
  private readonly wire: Wire | undefined;
  private readonly frameHeader = Buffer.alloc(FRAME_HEADER_BYTES);
  private frameHeaderBytes = 0;
  private presentedSender: Sender | undefined;
  private message: Buffer | undefined;
  private hasMessage = false;
  private timer: NodeJS.Timeout | undefined;
  private isEnded = false;

  constructor(receiver: Receiver, underWay: UnderWay, call: ServerInterceptingCallInterface) {
    this.receiver = receiver;
    this.call = call;
    this.wire = takeWire(call);
    this.lease = receiver.inFlight.lease();
    this.endRequest = underWay.begin();
  }

  /** Answered, refused or cancelled: nobody waits for an answer any more. */
  get ended(): boolean {
    return this.isEnded;
  }

  get sender(): Sender {
    if (this.presentedSender === undefined) throw new Error('the headers have not been checked');
    return this.presentedSender;
  }

  readonly listener: ServerListener = {
    onReceiveMetadata: (metadata, next) => {
      if (this.admit(metadata)) next(metadata);
    },
    onReceiveMessage: (message: Buffer, next) => {
      if (this.keep(message)) next(this);
    },
    onReceiveHalfClose: next => {
      clearTimeout(this.timer);
      if (!this.hasMessage) this.refuse(new IngestError('INGEST_UNDECODABLE', 'the call ended before its message did'));
      if (!this.isEnded) next();
    },
    onCancel: () => {
      if (this.isEnded) return;
      this.receiver.refused('grpc', new IngestError('INGEST_CLIENT_GONE', 'the call ended before it was answered'));
      this.end();
    },
  };

  /** The inflated message, once: the call does not keep it. Rejects with an IngestError. */
  takeBody(): Promise<Buffer> {
    const message = this.message ?? Buffer.alloc(0);
    this.message = undefined;
    const isCompressed = this.frameHeader[0] === 1;
    const inflater = isCompressed ? inflaterFor(this.wire?.encoding) : undefined;
    if (inflater === undefined) return Promise.resolve(message);
    return inflate(message, inflater, this.receiver.limits.maxRequestBytes, this.lease);
  }

  /** Counts and logs a refusal; returns the status that tells the exporter. */
  refusal(thrown: unknown): ReturnType<typeof grpcStatusOf> {
    const error = this.receiver.refused('grpc', thrown);
    return grpcStatusOf(error, error.retryable ? this.receiver.retryDelaySeconds() : 0);
  }

  /** Called when a status is sent, whoever sends it. */
  end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    clearTimeout(this.timer);
    this.wire?.stream.off('data', this.onWire);
    this.message = undefined;
    this.lease.release();
    this.endRequest();
  }

  private admit(metadata: Metadata): boolean {
    const { receiver } = this;
    try {
      receiver.throwIfClosing();
      const [authorization] = metadata.get('authorization');
      this.presentedSender = receiver.senders.identify(authorization?.toString());
      this.presentedSender.quota.admit();
    } catch (thrown) {
      this.refuse(thrown);
      return false;
    }
    this.wire?.stream.prependListener('data', this.onWire);
    this.timer = setTimeout(
      () => this.refuse(new IngestError('INGEST_BODY_TIMEOUT', 'the message took too long to arrive')),
      receiver.limits.bodyTimeoutMs,
    );
    return true;
  }

  /** Before grpc-js sees the same bytes. */
  private readonly onWire = (chunk: Buffer): void => {
    if (this.frameHeaderBytes < FRAME_HEADER_BYTES && !this.readFrameHeader(chunk)) return;
    if (!this.lease.tryGrow(chunk.length + CHUNK_OVERHEAD_BYTES)) this.refuse(overloaded());
  };

  private readFrameHeader(chunk: Buffer): boolean {
    const { maxRequestBytes } = this.receiver.limits;
    this.frameHeaderBytes += chunk.copy(this.frameHeader, this.frameHeaderBytes);
    if (this.frameHeaderBytes < FRAME_HEADER_BYTES) return true;
    const announcedBytes = this.frameHeader.readUInt32BE(1);
    if (announcedBytes > maxRequestBytes) this.refuse(tooLarge(maxRequestBytes));
    else if (!this.receiver.inFlight.hasRoomFor(announcedBytes)) this.refuse(overloaded());
    return !this.isEnded;
  }

  private keep(message: Buffer): boolean {
    if (this.hasMessage) this.refuse(new IngestError('INGEST_UNDECODABLE', 'a call takes one message, not several'));
    if (this.isEnded) return false;
    this.hasMessage = true;
    this.message = message;
    if (this.wire !== undefined) this.lease.resize(message.length);
    else if (!this.lease.tryGrow(message.length)) this.refuse(overloaded());
    return !this.isEnded;
  }

  private refuse(thrown: unknown): void {
    if (this.isEnded) return;
    const status = this.refusal(thrown);
    this.end();
    this.call.sendStatus(status);
    // What the client still sends is not waited for. With no error code this takes effect after the status.
    this.wire?.stream.close();
  }
}
