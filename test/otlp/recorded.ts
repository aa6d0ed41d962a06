/** The recorded traces, line by line: each line is one request in OTLP JSON. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const TRACES = '../shared/data/traces';

export type Recording = 'opentelemetry-demo' | 'onlineboutique' | 'onlineboutique-delays' | 'trainticket';

export function recordedLines(recording: Recording, limit = Number.POSITIVE_INFINITY): string[] {
  const text = gunzipSync(readFileSync(`${TRACES}/${recording}.otlp.jsonl.gz`)).toString('utf8');
  return text.split('\n').filter(Boolean).slice(0, limit);
}
