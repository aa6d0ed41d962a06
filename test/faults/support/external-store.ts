/**
 * A ClickHouse server as the program sees one: the engine behind its HTTP interface, started by the test, with a TCP proxy
 * before it. Systems know it by `store.clickhouse.url` alone.
 */
import { join } from 'node:path';
import { pino } from 'pino';
import { type EmbeddedEngine, startEmbeddedEngine } from '../../../store/index.js';
import { freePorts } from '../../support/throughline.js';
import { TcpProxy } from './tcp-proxy.js';

export class ExternalStore {
  readonly proxy: TcpProxy;
  readonly #dataDir: string;
  readonly #port: number;
  #engine: EmbeddedEngine | null = null;

  /** In the directory where a system looks for its engine, so that its memory is watched. */
  static async start(dataDir: string): Promise<ExternalStore> {
    const [port] = await freePorts(1);
    const store = new ExternalStore(join(dataDir, 'clickhouse'), port, await TcpProxy.start(port));
    await store.up();
    return store;
  }

  private constructor(dataDir: string, port: number, proxy: TcpProxy) {
    this.#dataDir = dataDir;
    this.#port = port;
    this.proxy = proxy;
  }

  /** Settings of whoever uses it. */
  get env(): Record<string, string> {
    return {
      THROUGHLINE_STORE_CLICKHOUSE_URL: `http://127.0.0.1:${this.proxy.port}`,
      THROUGHLINE_STORE_CLICKHOUSE_REQUEST_TIMEOUT: '3s',
    };
  }

  /** The server itself, without the proxy. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async up(): Promise<void> {
    this.#engine = await startEmbeddedEngine({
      dataDir: this.#dataDir,
      host: '127.0.0.1',
      port: this.#port,
      database: 'throughline',
      maxMemoryBytes: 2 ** 30,
      logger: pino({ level: 'silent' }),
    });
  }

  async down(): Promise<void> {
    await this.#engine?.close();
    this.#engine = null;
  }

  async destroy(): Promise<void> {
    await this.proxy.close();
    await this.down();
  }
}
