/** What observations come to: in words, for whoever has to do something about it. Pure. */
import { missingCallers } from './doctor-missing.js';
import type { Observations, Samples } from './doctor-observe.js';

export interface Finding {
  readonly check: string;
  readonly isWell: boolean;
  readonly message: string;
}

/** undefined: there was nothing to judge by. */
type Check = (seen: Observations) => Omit<Finding, 'check'> | undefined;

const well = (message: string) => ({ isWell: true, message });
const wrong = (message: string) => ({ isWell: false, message });

const MAX_CLOCK_OFFSET_MS = 5_000;
const FULL_LOG = 0.8;
const MIN_FREE_DISK = 0.05;
const MIN_FREE_DISK_BYTES = 1 << 30;
const INCOMPLETE = 0.01;

const REASONS: Readonly<Record<string, string>> = {
  invalid_trace_id: 'trace ids that are not 16 bytes, or all zero: the exporter or a proxy damages them',
  invalid_span_id: 'span ids that are not 8 bytes, or all zero: the exporter or a proxy damages them',
  invalid_id: 'impossible ids in records that another producer wrote to the topic',
  too_large:
    'attributes or a resource too large for one record of the log: make them smaller, or raise bus.kafka.maxRecordBytes',
};

const CHECKS: readonly (readonly [name: string, check: Check])[] = [
  ['ready', ({ readiness: { ready, reasons } }) => (ready ? well('ready') : wrong(`not ready: ${reasons.join('; ')}`))],
  ['lag', lag],
  ['log', logSize],
  ['disk', disk],
  ['clock', clock],
  ['refused', refused],
  ['rejected', rejected],
  ['dead letters', deadLetters],
  ['late', late],
  ['incomplete', incomplete],
];

export function examine(seen: Observations): Finding[] {
  return CHECKS.flatMap(([check, judge]) => {
    const finding = judge(seen);
    return finding === undefined ? [] : [{ check, ...finding }];
  });
}

function sum(samples: Samples, name: string, labels = /^/): number {
  let total = 0;
  for (const [series, value] of samples) {
    if ((series === name || series.startsWith(`${name}{`)) && labels.test(series)) total += value;
  }
  return total;
}

function lag({ metrics, observedMs }: Observations) {
  if (metrics === undefined) return undefined;
  const waiting = ({ before, after }: NonNullable<Observations['metrics']>) =>
    Math.min(sum(before, 'throughline_log_lag_records'), sum(after, 'throughline_log_lag_records'));
  const stored = (samples: Samples) => sum(samples, 'throughline_stitcher_records_stored_total');
  const records = waiting(metrics);
  if (records === 0) return well('nothing waits in the log');
  const done = stored(metrics.after) - stored(metrics.before);
  const seconds = observedMs / 1_000;
  if (done > 0) return well(`${records} records wait in the log, ${done} were stored within ${seconds} s`);
  return wrong(
    `${records} records wait in the log and none was stored within ${seconds} s: the stitcher or the store does not work; its log says why`,
  );
}

function logSize({ metrics }: Observations) {
  const limit = metrics && sum(metrics.after, 'throughline_log_limit_bytes');
  if (metrics === undefined || !limit) return undefined;
  const share = sum(metrics.after, 'throughline_log_used_bytes') / limit;
  const text = `the log is ${Math.round(share * 100)} % full`;
  return share < FULL_LOG
    ? well(text)
    : wrong(`${text}: at 100 % receivers answer 503; what is stored is trimmed, so look at the store`);
}

function disk({ disk }: Observations) {
  if (disk === undefined) return undefined;
  const { directory, freeBytes, totalBytes } = disk;
  const text = `${(freeBytes / 2 ** 30).toFixed(1)} GiB of ${(totalBytes / 2 ** 30).toFixed(1)} are free on the disk of ${directory}`;
  const isLow = freeBytes < MIN_FREE_DISK_BYTES || freeBytes < totalBytes * MIN_FREE_DISK;
  return isLow ? wrong(`${text}: free some, or receivers will answer 503`) : well(text);
}

function clock({ clockOffsetMs, latency, nowMs }: Observations) {
  if (clockOffsetMs === undefined) return undefined;
  const seconds = Math.round(Math.abs(clockOffsetMs) / 1_000);
  if (Math.abs(clockOffsetMs) > MAX_CLOCK_OFFSET_MS) {
    return wrong(
      `the clock of the API is ${seconds} s ${clockOffsetMs > 0 ? 'ahead of' : 'behind'} this machine's: synchronise them`,
    );
  }
  const aheadMs = Date.parse(latency?.freshness.watermark ?? '') + -nowMs - clockOffsetMs;
  if (aheadMs > MAX_CLOCK_OFFSET_MS) {
    return wrong(
      `the log's time is ${Math.round(aheadMs / 1_000)} s ahead of the clock: it was set back, or the broker's is wrong; traces close late until it is caught up`,
    );
  }
  return well('clocks agree');
}

function refused({ metrics, observedMs }: Observations) {
  if (metrics === undefined) return undefined;
  const count = (samples: Samples) => sum(samples, 'throughline_ingest_requests_total', /code="(429|503|UNAVAILABLE)"/);
  const now = count(metrics.after) - count(metrics.before);
  if (now === 0) return well('no sender is told to come again');
  return wrong(
    `${now} requests within ${observedMs / 1_000} s were told to come again (429, 503): the log is full or away, too many bytes are in flight, or a token is over its rate`,
  );
}

function rejected({ ledger }: Observations) {
  if (ledger === undefined) return undefined;
  const reasons = Object.entries(ledger.rejected).filter(([, spans]) => spans > 0);
  if (reasons.length === 0) return well('no span was rejected');
  const parts = reasons.map(([reason, spans]) => `${spans} as ${reason} (${REASONS[reason] ?? 'docs/errors.md'})`);
  return wrong(`of ${ledger.received} spans received some were rejected: ${parts.join('; ')}`);
}

function deadLetters({ ledger }: Observations) {
  if (ledger === undefined) return undefined;
  const { dead_letter: spans } = ledger;
  return spans === 0
    ? well('no dead letters')
    : wrong(`${spans} spans are in records that cannot be decoded: the dead letters have reason and offset`);
}

function late({ ledger }: Observations) {
  if (ledger === undefined) return undefined;
  const { too_late: spans } = ledger;
  if (spans === 0) return well('no span came too late');
  return wrong(
    `${spans} spans came later than stitcher.lateness and are not in their traces: throughline restitch --too-late puts them there`,
  );
}

function incomplete({ latency, traces }: Observations) {
  if (latency === undefined) return undefined;
  const { incomplete_ratio: ratio } = latency.freshness;
  const total = latency.groups.reduce((count, group) => count + group.traces, 0);
  if (total === 0) return well('no trace ended within the last 15 minutes');
  const share = `${(ratio * 100).toFixed(1)} % of ${total} traces of the last 15 minutes are incomplete`;
  if (ratio < INCOMPLETE) return well(share);
  return wrong([share, ...missingCallers(traces)].join(': '));
}
