/** HTTP as bytes on a socket, for requests that no client library would send. */
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export class RawConnection {
  readonly socket: Socket;
  private received = Buffer.alloc(0);
  private changed: () => void = () => {};
  private isClosed = false;

  static open(port: number): Promise<RawConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new RawConnection(socket)));
      socket.once('error', reject);
    });
  }

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', chunk => {
      this.received = Buffer.concat([this.received, chunk]);
      this.changed();
    });
    socket.on('close', () => {
      this.isClosed = true;
      this.changed();
    });
  }

  write(data: Uint8Array | string): void {
    this.socket.write(data);
  }

  /** The next answer; undefined if the server closes without one. */
  async answer(): Promise<RawAnswer | undefined> {
    for (;;) {
      const answer = this.takeAnswer();
      if (answer !== undefined || this.isClosed) return answer;
      await this.change();
    }
  }

  /** Resolves once the server has closed the connection. */
  async closed(): Promise<void> {
    while (!this.isClosed) await this.change();
  }

  destroy(): void {
    this.socket.destroy();
  }

  private change(): Promise<void> {
    return new Promise(resolve => {
      this.changed = resolve;
    });
  }

  private takeAnswer(): RawAnswer | undefined {
    const headEnd = this.received.indexOf('\r\n\r\n');
    if (headEnd < 0) return undefined;
    const [statusLine, ...lines] = this.received.toString('latin1', 0, headEnd).split('\r\n');
    const headers = Object.fromEntries(
      lines.map(line => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const bodyEnd = headEnd + 4 + Number(headers['content-length'] ?? 0);
    if (this.received.length < bodyEnd) return undefined;
    const body = this.received.subarray(headEnd + 4, bodyEnd);
    this.received = this.received.subarray(bodyEnd);
    return { status: Number(statusLine.split(' ')[1]), headers, body };
  }
}

export function requestHead(headers: Record<string, string>, path = '/v1/traces', method = 'POST'): string {
  const all = { host: 'localhost', 'content-type': 'application/x-protobuf', ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}
