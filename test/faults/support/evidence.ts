/** What a system says of itself once its backlog has drained: all that the judge looks at beside the generator's ledger. */
import type { LedgerAnswer } from '../../../schemas/index.js';
import { ROWS, rollupCells } from '../../pipe/compare.js';
import type { ApiClient } from '../../support/api-client.js';
import type { MemoryPeak } from './memory.js';
import { SLO_NAME, sloCounted } from './slo.js';

export interface StoredSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly kind: number;
}

export interface Evidence {
  /** Rows of `spans` as readers see them. */
  readonly spans: readonly StoredSpan[];
  /** Rows of `traces`, in the columns of test/pipe/compare.ts. */
  readonly traces: readonly Readonly<Record<string, unknown>>[];
  /** `latency_rollup`: cell → counts. */
  readonly rollups: ReadonlyMap<string, string>;
  /** Of the SLO: `objective minute group` → `good bad unknown`. */
  readonly slo: ReadonlyMap<string, string>;
  readonly ledger: LedgerAnswer;
  readonly memory: readonly MemoryPeak[];
}

/** Waits until everything received is stored, closed, audited, rolled up and counted, then reads all there is. */
export async function gather(client: ApiClient, memory: readonly MemoryPeak[], timeoutMs = 120_000): Promise<Evidence> {
  await client.until('drained', async () => (await client.ledger()).in_flight === 0, timeoutMs);
  await client.settled(timeoutMs);
  await sloCounted(client, timeoutMs);
  return {
    spans: await storedSpans(client),
    traces: await client.sql(ROWS),
    rollups: await rollupCells(client),
    slo: await sloCounts(client),
    ledger: await client.ledger(),
    memory,
  };
}

async function storedSpans(client: ApiClient): Promise<StoredSpan[]> {
  const rows = await client.sql('SELECT trace_id AS t, span_id AS s, toUInt8(kind) AS k FROM spans');
  return rows.map(({ t, s, k }) => ({ traceId: String(t), spanId: String(s), kind: Number(k) }));
}

async function sloCounts(client: ApiClient): Promise<Map<string, string>> {
  const rows = await client.sql(
    `SELECT objective, intDiv(toUnixTimestamp(minute), 60) AS minute, group_key, good, bad, unknown
     FROM slo_budget WHERE slo = '${SLO_NAME}' AND total > 0`,
  );
  return new Map(
    rows.map(({ objective, minute, group_key, good, bad, unknown }) => [
      JSON.stringify([Number(objective), Number(minute), JSON.parse(String(group_key))]),
      [good, bad, unknown].map(Number).join(' '),
    ]),
  );
}
