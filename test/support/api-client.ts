/** What tests ask a running API, parsed as the schemas say. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LatencyAnswer, LedgerAnswer, TraceAnswer } from '../../schemas/index.js';

export class ApiClient {
  readonly api: string;

  constructor(api: string) {
    this.api = api;
  }

  async get(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const url = new URL(path, this.api);
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    const response = await fetch(url);
    const body = await response.text();
    if (response.status !== 200) throw new Error(`GET ${url}: ${response.status} ${body}`);
    return JSON.parse(body);
  }

  async latency(parameters: Readonly<Record<string, string>>): Promise<LatencyAnswer> {
    return LatencyAnswer.parse(await this.get('/api/v1/latency', parameters));
  }

  async trace(traceId: string): Promise<TraceAnswer> {
    return TraceAnswer.parse(await this.get(`/api/v1/traces/${traceId}`));
  }

  async ledger(): Promise<LedgerAnswer> {
    return LedgerAnswer.parse(await this.get('/api/v1/ledger'));
  }

  /** Rows of one SELECT through the public SQL path. */
  async sql(query: string): Promise<Record<string, unknown>[]> {
    const response = await fetch(`${this.api}/api/v1/sql?format=JSONEachRow`, { method: 'POST', body: query });
    const body = await response.text();
    if (response.status !== 200) throw new Error(`POST /api/v1/sql: ${response.status} ${body}`);
    return body
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line));
  }

  /** Waits until everything received is stored, closed, audited and rolled up. */
  async settled(timeoutMs = 60_000): Promise<void> {
    await this.until('settled', async () => (await this.latency({ window: '1m' })).freshness.settled, timeoutMs);
  }

  /** Throws, with the last lines of what was logged, if it does not hold in time or what should is not running. */
  async until(what: string, holds: () => Promise<boolean>, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (let problem: unknown = 'it says no'; ; ) {
      try {
        if (await holds()) return;
      } catch (error) {
        problem = error;
      }
      const diagnosis = performance.now() > deadline ? `not ${what} within ${timeoutMs} ms` : this.whyHopeless();
      if (diagnosis !== '') throw new Error(`${diagnosis}: ${problem}\n${this.lastLines().join('\n')}`);
      await sleep(100);
    }
  }

  /** Why waiting is of no use; '' while it may be. */
  protected whyHopeless(): string {
    return '';
  }

  protected lastLines(): readonly string[] {
    return [];
  }
}
