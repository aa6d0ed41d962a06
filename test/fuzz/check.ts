/** One case against everything: the references against each other, the functions, and the live ports if there are any. */
import { gunzipSync, inflateSync } from 'node:zlib';
import type { FuzzCase } from './case.js';
import { compareWithProtobufjs, type InProcess, judge } from './in-process.js';
import type { LiveLane } from './live.js';
import type { Verdict } from './verdict.js';

export interface Checked {
  readonly verdict: Verdict;
  /** '' or what was wrong. */
  readonly problem: string;
}

export async function checkCase(fuzzCase: FuzzCase, inProcess: InProcess, live?: LiveLane): Promise<Checked> {
  const verdict = judge(fuzzCase);
  const problem =
    compareReferences(fuzzCase, verdict) ||
    (await inProcess.check(fuzzCase, verdict).catch(thrown => `throws: ${thrown}`)) ||
    ((await live?.check(fuzzCase, verdict)) ?? '');
  return { verdict, problem };
}

function compareReferences({ format, encoding, body }: FuzzCase, verdict: Verdict): string {
  if (format === 'json' || verdict.kind === 'too large') return '';
  if (verdict.kind === 'undecodable' && verdict.reason === 'cannot be inflated') return '';
  const plain = encoding === 'identity' ? body : encoding === 'gzip' ? gunzipSync(body) : inflateSync(body);
  return compareWithProtobufjs(plain, verdict);
}
