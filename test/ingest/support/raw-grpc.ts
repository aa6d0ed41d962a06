/** gRPC as bytes on an HTTP/2 stream, for calls that no client library would make. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { TRACE_EXPORT } from './grpc-client.js';

export interface RawGrpcAnswer {
  /** `grpc-status` and the other trailers. */
  readonly trailers: Readonly<Record<string, string>>;
}

export class RawGrpcCall {
  readonly stream: ClientHttp2Stream;
  private readonly answered: Promise<RawGrpcAnswer>;

  constructor(session: ClientHttp2Session, headers: Record<string, string> = {}) {
    this.stream = session.request({
      ':method': 'POST',
      ':path': TRACE_EXPORT,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    this.answered = new Promise(resolve => {
      const trailers: Record<string, string> = {};
      const add = (more: object) => void Object.assign(trailers, more);
      this.stream
        .on('response', add)
        .on('trailers', add)
        .on('error', () => {});
      this.stream.on('close', () => resolve({ trailers }));
      this.stream.resume();
    });
  }

  /** A message's frame, or the beginning of one that announces more. */
  sendFrame(message: Uint8Array, isCompressed = false, announcedBytes = message.length): void {
    const header = Buffer.alloc(5);
    header[0] = isCompressed ? 1 : 0;
    header.writeUInt32BE(announcedBytes, 1);
    this.stream.write(header);
    this.stream.write(message);
  }

  /** Resolves when the call is over. */
  answer(): Promise<RawGrpcAnswer> {
    return this.answered;
  }
}

export function openSession(port: number): ClientHttp2Session {
  return connect(`http://127.0.0.1:${port}`).on('error', () => {});
}
