import { afterAll, beforeAll, expect, test } from 'vitest';
import { Throughline } from '../support/throughline.js';

let throughline: Throughline;

beforeAll(async () => {
  throughline = await Throughline.start();
});

afterAll(() => throughline?.destroy());

test("demo ends by printing New York's p99, and its traces show three tiers that sum to the root's duration", {
  timeout: 120_000,
}, async () => {
  const { code, stdout, stderr } = await throughline.run('demo', '--seconds', '6', '--rate', '15');
  expect(code, stdout + stderr).toBe(0);
  expect(stdout).toMatch(/New York.*p99.*\d+(\.\d+)? ms/s);
  await throughline.settled();
  const [{ id }] = await throughline.sql(
    `SELECT toString(trace_id) AS id FROM traces WHERE locality = 'New York' AND complete AND length(tier_names) = 3 ORDER BY end DESC LIMIT 1`,
  );
  const trace = await throughline.trace(String(id));
  expect(trace.tiers.map(({ tier }) => tier).sort()).toEqual(['app', 'data', 'edge']);
  const [durationNs, sumNs] = [trace.duration_ms, trace.tiers.reduce((sum, t) => sum + t.critical_path_ms, 0)].map(ms =>
    Math.round(ms * 1e6),
  );
  expect(sumNs).toBe(durationNs);
});
