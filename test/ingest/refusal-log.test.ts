import { pino } from 'pino';
import { expect, test } from 'vitest';
import { IngestError } from '../../ingest/errors.js';
import { RefusalLog } from '../../ingest/refusal-log.js';

function logged(...errors: readonly IngestError[]): { msg: string; refused?: unknown; err?: { message: string } }[] {
  const lines: string[] = [];
  const log = new RefusalLog(pino({}, { write: (line: string) => void lines.push(line) }));
  for (const error of errors) log.note(error);
  log.flush();
  return lines.map(line => JSON.parse(line));
}

test('a cause that quotes the body is not logged, the refusal is counted', () => {
  const quoting = new Error('Unexpected token in {"password":"hunter2');
  const lines = logged(
    new IngestError('INGEST_UNDECODABLE', 'the body is no JSON', quoting),
    new IngestError('INGEST_BAD_ENCODING', 'the body is no gzip', quoting),
  );
  expect(lines.map(({ msg, refused }) => [msg, refused])).toEqual([
    ['requests refused', { INGEST_UNDECODABLE: 1, INGEST_BAD_ENCODING: 1 }],
  ]);
  expect(JSON.stringify(lines)).not.toContain('hunter2');
});

test('the cause of an outage is logged, once for all the requests that meet it', () => {
  const outage = () => new IngestError('INGEST_UNAVAILABLE', 'the log takes nothing', new Error('disk full'));
  const lines = logged(outage(), outage(), outage());
  expect(lines.map(({ msg, err, refused }) => [msg, err?.message ?? refused])).toEqual([
    ['the log takes nothing', 'disk full'],
    ['requests refused', { INGEST_UNAVAILABLE: 3 }],
  ]);
});
