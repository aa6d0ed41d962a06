/** The whole program with every secret there is: each does its work, and none is in what it logs or answers. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeToken } from '../../cli/token.js';
import { Throughline } from '../support/throughline.js';

const edge = makeToken();
const reader = makeToken();
const SECRETS = {
  ingestPlain: 'ingest-plain-7Qx9',
  ingestHashed: edge.token,
  apiPlain: 'api-plain-4Kz2',
  apiHashed: reader.token,
  engine: 'engine-pass-8Wv3',
  presented: 'presented-nowhere-known-5Tn1',
};
const BODY = JSON.stringify({
  resourceSpans: [
    {
      resource: {
        attributes: [
          { key: 'service.name', value: { stringValue: 'payload-words-2Hj6' } },
          { key: 'throughline.tier', value: { stringValue: 'data' } },
        ],
      },
      scopeSpans: [
        {
          spans: [
            {
              traceId: '5b8efff798038103d269b633813fc60c',
              spanId: 'eee19b7ec3c1b174',
              name: 'GET /',
              kind: 2,
              startTimeUnixNano: String(BigInt(Date.now()) * 1_000_000n),
              endTimeUnixNano: String(BigInt(Date.now()) * 1_000_000n + 5_000_000n),
            },
          ],
        },
      ],
    },
  ],
});

let throughline: Throughline;

beforeAll(async () => {
  throughline = await Throughline.start({
    settings: {
      THROUGHLINE_LOG_LEVEL: 'debug',
      THROUGHLINE_INGEST_AUTH_TOKENS: JSON.stringify([
        { token: SECRETS.ingestPlain, tenant: 'default' },
        { token: edge.hash, tenant: 'default', tier: 'edge' },
      ]),
      THROUGHLINE_ANALYTICS_AUTH_TOKENS: JSON.stringify([
        { token: SECRETS.apiPlain, role: 'admin' },
        { token: reader.hash, role: 'read' },
      ]),
      THROUGHLINE_CLIENT_TOKEN: SECRETS.apiPlain,
      THROUGHLINE_STORE_EMBEDDED_PASSWORD: SECRETS.engine,
    },
  });
}, 120_000);

afterAll(() => throughline?.destroy());

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const JSON_TYPE = { 'content-type': 'application/json' };
const send = (headers: Record<string, string>, body = BODY) =>
  fetch(`${throughline.otlpHttp}/v1/traces`, { method: 'POST', headers: { ...JSON_TYPE, ...headers }, body });
const ask = (path: string, headers: Record<string, string>, init: RequestInit = {}) =>
  fetch(`${throughline.api}${path}`, { ...init, headers });
const askEngine = (headers: Record<string, string>) =>
  fetch(throughline.clickhouse, { method: 'POST', headers, body: 'SELECT 1' });
const basic = (password: string) => ({
  authorization: `Basic ${Buffer.from(`default:${password}`).toString('base64')}`,
});

test('every door is shut without its secret, and opens with it', async () => {
  expect((await send({})).status).toBe(401);
  expect((await ask('/api/v1/latency', {})).status).toBe(401);
  expect((await ask('/api/v1/sql', bearer(reader.token), { method: 'POST', body: 'SELECT 1' })).status).toBe(403);
  for (const headers of [{}, basic(''), basic(SECRETS.presented)]) expect((await askEngine(headers)).status).toBe(403);
  expect((await send(bearer(edge.token))).status).toBe(200);
  expect((await ask('/api/v1/latency', bearer(reader.token))).status).toBe(200);
  expect(await (await askEngine(basic(SECRETS.engine))).text()).toBe('1\n');
});

test("the token's tier is on the stored span, whatever its resource says", async () => {
  const tier = async () => {
    const init = { method: 'POST', body: 'SELECT tier FROM spans' };
    return (await ask('/api/v1/sql?format=TSV', bearer(SECRETS.apiPlain), init)).text();
  };
  await expect.poll(tier, { timeout: 30_000 }).toBe('edge\n');
});

test('commands that ask the API show it the token of the configuration', async () => {
  const { code, stdout, stderr } = await throughline.run('demo', '--seconds', '1', '--token', SECRETS.ingestPlain);
  expect(code, stdout + stderr).toBe(0);
  for (const secret of Object.values(SECRETS)) expect(stdout + stderr).not.toContain(secret);
}, 120_000);

describe('nothing secret', () => {
  test('is logged or answered, whatever goes wrong', async () => {
    const answers = await Promise.all([
      send(bearer(SECRETS.presented)),
      send(bearer(SECRETS.ingestPlain), '{"resourceSpans": "payload-words-2Hj6"}'),
      send({ ...bearer(SECRETS.ingestPlain), 'content-encoding': 'gzip' }),
      ask('/api/v1/latency', bearer(SECRETS.presented)),
      ask('/api/v1/latency?quantile=7', bearer(SECRETS.apiPlain)),
      ask(`/api/v1/nowhere?token=${SECRETS.presented}`, bearer(SECRETS.presented)),
      ask('/api/v1/sql', bearer(SECRETS.apiPlain), { method: 'POST', body: 'SELECT nothing FROM nowhere' }),
      ask('/metrics', bearer(SECRETS.apiPlain)),
      ask('/api/v1/openapi.json', bearer(SECRETS.apiPlain)),
      askEngine(basic(SECRETS.presented)),
    ]);
    const texts = await Promise.all(answers.map(answer => answer.text()));
    const { stdout, stderr } = await throughline.run('replay', 'nowhere.json', '--token', SECRETS.presented);
    await throughline.stop();
    expect(throughline.log.length).toBeGreaterThan(5);
    const said = [...texts, ...throughline.log, stdout, stderr].join('\n');
    for (const [name, secret] of Object.entries(SECRETS)) expect(said.includes(secret), name).toBe(false);
    for (const { hash } of [edge, reader]) expect(said).not.toContain(hash.slice('sha256:'.length));
    expect(throughline.log.join('\n')).not.toContain('payload-words-2Hj6');
  });
});
