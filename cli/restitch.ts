import type { Logger } from 'pino';
import { type Config, INSTANT_FORMS, NS_PER_MS, parseInstant } from '../schemas/index.js';
import { restitchTraces } from '../stitcher/index.js';
import { createTraceStore, type RestitchSelection } from '../store/index.js';
import { openConfiguredStore } from './open-store.js';

export interface RestitchRequest {
  readonly traceIds: readonly string[];
  readonly tooLate: boolean;
  readonly from?: string;
  readonly to?: string;
}

const DEFAULT_TENANT = 'default';

/** `throughline restitch`: restates traces from the store, with spans that came beyond `stitcher.lateness`. */
export async function runRestitch(config: Config, request: RestitchRequest, logger: Logger): Promise<void> {
  const selection = selectionOf(request);
  const opened = await openConfiguredStore(config, logger);
  try {
    const { latenessMs, maxClockSkewMs, completeAfterMs, idleMs, maxOpenMs, maxSpansPerTrace } = config.stitcher;
    const result = await restitchTraces(
      {
        store: createTraceStore(opened.store),
        windows: { completeAfterMs, idleMs, maxOpenMs, maxSpansPerTrace, debounceMs: 0 },
        latenessMs,
        maxClockSkewMs,
        onProgress: (done, total) => process.stderr.write(`restitched ${done} of ${total} traces\n`),
      },
      selection,
    );
    process.stdout.write(`${result.selected} traces looked at, ${result.revised} restated\n`);
  } finally {
    await opened.close();
  }
}

function selectionOf({ traceIds, tooLate, from, to }: RestitchRequest): RestitchSelection {
  const isRange = from !== undefined || to !== undefined;
  if (Number(traceIds.length > 0) + Number(tooLate) + Number(isRange) !== 1) {
    throw new Error('say which traces: trace ids, or --too-late, or --from and --to');
  }
  if (tooLate) return { kind: 'tooLate' };
  if (isRange) return { kind: 'range', fromMs: instantMs('--from', from), toMs: instantMs('--to', to) };
  const ids = traceIds.map(id => id.toLowerCase());
  const bad = ids.find(id => !/^[0-9a-f]{32}$/.test(id));
  if (bad !== undefined) throw new Error(`${JSON.stringify(bad)} is no trace id: give 32 hexadecimal digits`);
  return { kind: 'ids', tenant: DEFAULT_TENANT, traceIds: ids };
}

function instantMs(option: string, text: string | undefined): number {
  const ns = text === undefined ? undefined : parseInstant(text);
  if (ns === undefined) throw new Error(`${option} ${text ?? 'is missing'}: give ${INSTANT_FORMS}`);
  return Number(ns / NS_PER_MS);
}
