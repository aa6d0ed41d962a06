/** The API as commands ask it: with the token, the authority and the certificate that the configuration names. */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { Config } from '../schemas/index.js';

export interface ApiResponse {
  readonly status: number;
  readonly body: string;
  /** Of the header: the clock of whoever answered. */
  readonly date: string | undefined;
}

const TIMEOUT_MS = 60_000;

export class ApiConnection {
  readonly url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #tls: https.RequestOptions;
  readonly #timeoutMs: number;

  /** `token` comes before the one of the configuration. */
  constructor(url: string, client: Config['client'] = {}, token = client.token, timeoutMs = TIMEOUT_MS) {
    this.url = url;
    this.#timeoutMs = timeoutMs;
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const pem = (file: string | undefined) => (file === undefined ? undefined : readFileSync(file));
    this.#tls = { ca: pem(client.caFile), cert: pem(client.certFile), key: pem(client.keyFile) };
  }

  /** The answer, whatever its status. Rejects where there is none. */
  async ask(
    path: string,
    parameters: Readonly<Record<string, string>> = {},
    timeoutMs = this.#timeoutMs,
  ): Promise<ApiResponse> {
    const url = new URL(path, this.url);
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    const { request } = url.protocol === 'https:' ? https : http;
    return new Promise((resolve, reject) => {
      const options = { ...this.#tls, headers: this.#headers, signal: AbortSignal.timeout(timeoutMs) };
      request(url, options, response => {
        let body = '';
        response.setEncoding('utf8').on('data', text => {
          body += text;
        });
        response.once('error', reject).once('end', () => {
          resolve({ status: response.statusCode ?? 0, body, date: response.headers.date });
        });
      })
        .once('error', reject)
        .end();
    });
  }

  /** A 200 in JSON; rejects with whatever else the answer says. */
  async get<Answer>(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return JSON.parse(await this.getText(path, parameters)) as Answer;
  }

  /** A 200 as text; rejects with whatever else the answer says. */
  async getText(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<string> {
    const { status, body } = await this.ask(path, parameters);
    if (status !== 200) throw new Error(`${new URL(path, this.url)}: ${status} ${body}${adviceOn(status)}`);
    return body;
  }
}

/** For the two refusals that the command line can do something about. */
export function adviceOn(status: number): string {
  if (status === 401) return ' (give a token of analytics.auth.tokens: client.token, THROUGHLINE_CLIENT_TOKEN)';
  return status === 403 ? ' (client.token has too small a role, or is of one tenant only)' : '';
}
