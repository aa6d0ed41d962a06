/** Recorded traces from files: one ExportTraceServiceRequest in OTLP JSON a line, gzipped or not. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const LONG_INTEGER = /^-?\d{16,}$/;
const MAY_HAVE_LONG_INTEGER = /[:[,]\s*-?\d{16}/;

export function* readOtlpLines(path: string): Generator<unknown> {
  const bytes = readFileSync(path);
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  for (const line of text.split('\n')) {
    if (line.trim() !== '') yield parseExactly(line);
  }
}

/** JSON.parse, but integers that a double may not hold become strings, which OTLP JSON takes as well. */
export function parseExactly(json: string): unknown {
  if (!MAY_HAVE_LONG_INTEGER.test(json)) return JSON.parse(json);
  return JSON.parse(json.replace(STRING_OR_NUMBER, token => (LONG_INTEGER.test(token) ? `"${token}"` : token)));
}
