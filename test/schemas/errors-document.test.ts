import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const document = readFileSync('docs/errors.md', 'utf8');
const SOURCES = [
  'ingest/errors.ts',
  'otlp/errors.ts',
  'bus/errors.ts',
  'store/errors.ts',
  'analytics/errors.ts',
  'cli/config.ts',
  'schemas/slo/problems.ts',
];
const CODE = /\b(?:INGEST|OTLP|BUS|STORE|API|SQL|CONFIG|SLO)_[A-Z_]+\b/g;

const inSources = new Set(SOURCES.flatMap(path => readFileSync(path, 'utf8').match(CODE) ?? []));
const inDocument = new Set(document.match(CODE));

describe('docs/errors.md', () => {
  test('lists every code there is', () => {
    expect(inSources.size).toBeGreaterThan(35);
    expect([...inSources].filter(code => !inDocument.has(code))).toEqual([]);
  });

  test('lists no code that there is not', () => {
    expect([...inDocument].filter(code => !inSources.has(code))).toEqual([]);
  });
});
