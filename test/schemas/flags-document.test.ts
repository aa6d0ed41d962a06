import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { TRACE_FLAG_NAMES } from '../../stitcher/assembly/trace-flags.js';

test('docs/schema.md explains every flag of a trace', () => {
  const document = readFileSync('docs/schema.md', 'utf8');
  expect(TRACE_FLAG_NAMES.filter(name => !document.includes(`\`${name}\``))).toEqual([]);
});
