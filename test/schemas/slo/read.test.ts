import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import {
  parseSloDocuments,
  readSloDocuments,
  resolveSloDocuments,
  SloDocumentError,
  sloProblemText,
} from '../../../schemas/index.js';
import { bank, kindOf, sloDocument, type Tree, textOf } from './documents.js';

const FOLDER = '../shared/data/slo';
const FILES = readdirSync(FOLDER).filter(name => name.endsWith('.yaml'));

describe('documents of OpenSLO itself', () => {
  test('are all there', () => expect(FILES.length).toBe(8));

  test.each(FILES)('%s parses, and where it is an SLO its data source is refused by name', name => {
    const sources = parseSloDocuments(readFileSync(`${FOLDER}/${name}`, 'utf8'), name);
    expect(sources.length).toBeGreaterThan(0);
    const { slos, problems } = resolveSloDocuments(sources);
    expect(problems).toEqual([]);
    for (const { outcome, reasons, definition } of slos) {
      expect(outcome).toBe('unsupported');
      expect(definition).toBeNull();
      for (const reason of reasons) {
        expect(reason.path).toMatch(/metricSource\.type$/);
        expect(reason.value).toMatch(/^"(Any|Prometheus)"$/);
        expect(reason.message).toContain('give type: throughline');
      }
    }
  });

  test('a calendar window of 1m is said to be a minute', () => {
    const name = 'budgeting-method__timeslices-slo.yaml';
    const [slo] = resolveSloDocuments(parseSloDocuments(readFileSync(`${FOLDER}/${name}`, 'utf8'), name)).slos;
    expect(slo.warnings.map(sloProblemText)).toContainEqual(
      expect.stringMatching(/line 27: spec\.timeWindow\.0\.duration is "1m": .* if months are meant, give 1M$/),
    );
  });
});

describe('text', () => {
  const positions = (text: string) => readSloDocuments(text, 'f').map(({ kind, problems }) => [kind, problems.length]);

  test('may hold several documents, lists of them, empty ones and comments', () => {
    const list = stringify([bank, sloDocument()]);
    expect(positions(`# first\n---\n${list}---\n---\n${textOf(bank)}...\n# end\n`)).toEqual([
      ['Service', 0],
      ['SLO', 0],
      ['Service', 0],
    ]);
    expect(readSloDocuments('', 'f')).toEqual([]);
  });

  test('may be JSON, with tabs, and as a list', () => {
    expect(positions(JSON.stringify([bank, sloDocument()], null, '\t'))).toEqual([
      ['Service', 0],
      ['SLO', 0],
    ]);
  });

  test('may use anchors, aliases and merge keys', () => {
    const text = `apiVersion: openslo/v1
kind: SLO
metadata: &meta {name: a, labels: &labels {team: [x]}}
spec:
  service: bank
  budgetingMethod: &method Occurrences
  indicator:
    metadata: {<<: *meta, name: b}
    spec:
      ratioMetric:
        good: {metricSource: {type: throughline, spec: {error: false}}}
        total: {metricSource: {type: throughline, spec: {}}}
  objectives: [{target: 0.9}]
  description: *method
`;
    const [{ document }] = parseSloDocuments(text, 'f');
    expect(document).toMatchObject({
      spec: { description: 'Occurrences', indicator: { metadata: { name: 'b', labels: { team: ['x'] } } } },
    });
  });

  test('that is no YAML is refused with line and column', () => {
    const [{ problems }] = readSloDocuments('apiVersion: openslo/v1\nkind: [SLO\n', 'f.yaml');
    expect(sloProblemText(problems[0])).toMatch(/^f\.yaml, document 1, line \d+: is no YAML at line \d+, column \d+: /);
  });

  test('with a key given twice is refused with its path and line', () => {
    const [{ problems }] = readSloDocuments(`${textOf(bank)}kind: Service\n`, 'f');
    expect(problems).toContainEqual(
      expect.objectContaining({ path: 'kind', message: 'is given twice: give it once', line: 6 }),
    );
  });

  test.each([
    ['a tag', 'a: !!binary aGk=', 'Unresolved tag'],
    ['a key that is no text', '? [a]\n: 1', 'has a key that is no text'],
    ['__proto__', '__proto__: {a: 1}', 'has a key that is no text'],
    ['an alias of itself', 'a: &a\n  b: *a', 'nested more than 64 deep'],
    ['an alias without an anchor', 'a: *b', 'without an anchor'],
    ['aliases that unfold to a billion', bomb(), 'unfold to too much'],
    ['100,000 open brackets', '['.repeat(100_000), 'nested more than 64 deep'],
    ['100,000 dashes', '- '.repeat(100_000), 'nested more than 64 deep'],
    ['a merge of a text', 'a: {<<: text}', 'give an alias of an object'],
    ['1,001 documents', '---\na: 1\n'.repeat(1_001), 'has more than 1000 documents'],
    ['more than a mebibyte', `a: ${'x'.repeat(2 ** 20)}`, 'larger than 1 MiB'],
  ])('with %s is refused', (_, text, message) => {
    const problems = readSloDocuments(text, 'f').flatMap(reading => reading.problems);
    expect(problems.map(problem => problem.message)).toContainEqual(expect.stringContaining(message));
  });

  test('the number of problems of a document is bounded', () => {
    const keys = Array.from({ length: 500 }, (_, index) => `k${index}: 1\n`).join('');
    const [{ problems }] = readSloDocuments(`${textOf(bank)}${keys}`, 'f');
    expect(problems.length).toBe(101);
    expect(problems.at(-1)?.message).toBe('has 400 more faults');
  });
});

function bomb(): string {
  const rows = Array.from(
    { length: 12 },
    (_, row) =>
      `k${row}: &r${row} [${Array(9)
        .fill(`*r${row - 1}`)
        .join(', ')}]`,
  );
  return [`k: &r-1 x`, ...rows].join('\n');
}

describe('an error', () => {
  test('carries all problems of all documents, with file, document and line', () => {
    const text = textOf({ ...bank, kind: 'Servise' }, sloDocument({ service: 1, objectivez: 2 }), bank);
    try {
      parseSloDocuments(text, 'slo.yaml');
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(SloDocumentError);
      const { code, retryable, problems, message } = error as SloDocumentError;
      expect({ code, retryable }).toEqual({ code: 'SLO_DOCUMENT_INVALID', retryable: false });
      expect(problems.map(({ document, path }) => [document, path])).toEqual([
        [1, 'kind'],
        [2, 'spec.service'],
        [2, 'spec.objectivez'],
      ]);
      expect(message).toContain('slo.yaml, document 1, line 2: kind is "Servise": did you mean Service?');
      expect(message).toContain('spec.objectivez: is not known here; did you mean objectives?');
    }
  });
});

/** Everything a document may be broken with. */
const junk = fc.oneof(
  fc.constantFrom(
    null,
    '',
    [],
    {},
    true,
    0,
    -1,
    1e308,
    '0m',
    '1M',
    '999999999Y',
    'throughline',
    'SLO',
    '2026-02-30 00:00:00',
  ),
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<unknown>,
);

const FULL = [
  sloDocument(
    {
      groupBy: ['location'],
      timeWindow: [{ duration: '1M', calendar: { startTime: '2026-01-01 00:00:00', timeZone: 'America/New_York' } }],
      alertPolicies: [{ alertPolicyRef: 'p' }],
    },
    { labels: { a: ['b'] }, annotations: { 'throughline.dev/minimum-events': '3' } },
  ),
  kindOf('AlertPolicy', 'p', { conditions: [{ conditionRef: 'c' }], notificationTargets: [{ targetRef: 't' }] }),
  kindOf('AlertCondition', 'c', {
    severity: 'page',
    condition: { kind: 'burnrate', op: 'gt', threshold: 2, lookbackWindow: '1h', alertAfter: '5m' },
  }),
  kindOf('AlertNotificationTarget', 't', { target: 'webhook' }),
  kindOf('DataSource', 'd', { type: 'throughline', connectionDetails: {} }),
  kindOf('SLI', 'i', {
    thresholdMetric: {
      metricSource: { type: 'throughline', spec: { metric: { tierDuration: 'data' }, valueUnit: 's' } },
    },
  }),
];

function pathsOf(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [[...path]];
  return [[...path], ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]))];
}

function mutate(documents: unknown, path: readonly string[], value: unknown, key: string | null): void {
  const parent = path.slice(0, -1).reduce((tree, step) => tree[step] as Tree, documents as Tree);
  const last = path.at(-1);
  if (last === undefined) return;
  if (key === null) parent[last] = value;
  else {
    delete parent[last];
    if (!Array.isArray(parent)) parent[key] = value;
  }
}

describe('properties', () => {
  const paths = pathsOf(FULL).filter(path => path.length > 0);
  const mutation = fc.record({
    path: fc.constantFrom(...paths),
    value: junk,
    key: fc.oneof(
      fc.constant(null),
      fc.constantFrom('name', 'spec', 'kind', 'toString', 'constructor', 'op', 'value', 'raw'),
    ),
  });

  test('mutated documents throw nothing but the error of documents, and resolve without throwing', () => {
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), mutations => {
        const documents = structuredClone(FULL);
        for (const { path, value, key } of mutations) {
          try {
            mutate(documents, path, value, key);
          } catch (error) {
            // A mutation before took away what this one is for.
            if (!(error instanceof TypeError)) throw error;
          }
        }
        const text = JSON.stringify(documents);
        const valid = readSloDocuments(text, 'f').flatMap(({ source }) => (source === null ? [] : [source]));
        resolveSloDocuments(valid);
        try {
          parseSloDocuments(text, 'f');
        } catch (error) {
          if (!(error instanceof SloDocumentError)) throw error;
          for (const problem of error.problems) expect(problem.message).not.toBe('');
        }
      }),
      { numRuns: 200 },
    );
  });

  test('mutated text throws nothing but the error of documents', () => {
    const text = textOf(...FULL);
    const edit = fc.record({ at: fc.nat(text.length), drop: fc.nat(20), put: fc.string({ maxLength: 5 }) });
    fc.assert(
      fc.property(edit, ({ at, drop, put }) => {
        const edited = text.slice(0, at) + put + text.slice(at + drop);
        const readings = readSloDocuments(edited, 'f');
        resolveSloDocuments(readings.flatMap(({ source }) => (source === null ? [] : [source])));
      }),
      { numRuns: 150 },
    );
  });

  test('YAML and JSON of the same documents read the same', () => {
    const valuesOf = (text: string) => parseSloDocuments(text, 'f').map(({ document }) => document);
    expect(valuesOf(textOf(...FULL))).toEqual(FULL);
    expect(valuesOf(JSON.stringify(FULL))).toEqual(FULL);
    expect(valuesOf(stringify(FULL))).toEqual(FULL);
  });
});
