/** SLO documents over the HTTP API and out of a folder, in the real engine. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SloDocuments } from '../../../analytics/slo/documents.js';
import { SloFolder } from '../../../analytics/slo/folder.js';
import { SloDocumentAnswer, SloPutAnswer, SlosAnswer } from '../../../schemas/index.js';
import { countedSlos, type Store } from '../../../store/index.js';
import { errorOf, startApi, type TestApi } from '../support/api.js';
import { testParts } from '../support/parts.js';
import { startStore } from '../support/store.js';

let store: Store;
let api: TestApi;
let directory: string;

beforeAll(async () => {
  store = await startStore();
  api = await startApi(store);
});
afterAll(async () => {
  await api?.close();
  await store?.close();
});
beforeEach(async () => {
  await store.command('TRUNCATE TABLE slo_documents');
  directory = await mkdtemp(join(tmpdir(), 'throughline-slos-'));
  return () => rm(directory, { recursive: true });
});

const slo = (name: string, indicator: string, more = '') => `
apiVersion: openslo/v1
kind: SLO
metadata: { name: ${name} }
spec:
  service: bank
  ${indicator}
  budgetingMethod: Occurrences
  objectives: [{ target: 0.995 }]
  ${more}
`;
const sli = (name: string, maxDuration = '300ms', type = 'throughline') => `
apiVersion: openslo/v1
kind: SLI
metadata: { name: ${name} }
spec:
  ratioMetric:
    good: { metricSource: { type: ${type}, spec: { maxDuration: ${maxDuration} } } }
    total: { metricSource: { type: ${type}, spec: {} } }
`;
const target = `
apiVersion: openslo/v1
kind: AlertPolicy
metadata: { name: page }
spec:
  conditions:
    - kind: AlertCondition
      metadata: { name: fast }
      spec: { severity: page, condition: { kind: burnrate, op: gt, threshold: 14.4, lookbackWindow: 1h } }
  notificationTargets: [{ targetRef: hook }]
---
apiVersion: openslo/v1
kind: AlertNotificationTarget
metadata: { name: hook }
spec: { target: "https://hooks.example/services/T0/secret" }
`;

const put = (name: string, body: string) => fetch(`${api.url}/api/v1/slos/${name}`, { method: 'PUT', body });
const listed = async () => (await api.read(SlosAnswer, '/api/v1/slos')).slos;
const names = async () => (await listed()).map(({ name }) => name);

describe('over the API', () => {
  test('an SLO comes with what it refers to, is listed, read, counted and deleted', async () => {
    const response = await put('fast', [sli('under-300'), slo('fast', 'indicatorRef: under-300')].join('---'));
    const answer = SloPutAnswer.parse(await response.json());
    expect(answer).toMatchObject({ name: 'fast', counted: true, source: 'api', objective_ppm: 995_000 });
    expect(answer.warnings).toEqual([expect.stringContaining('names no Service document')]);
    expect(await listed()).toMatchObject([{ name: 'fast', window: '30d rolling', service: 'bank', reason: '' }]);
    const document = await api.read(SloDocumentAnswer, '/api/v1/slos/fast');
    expect(document).toMatchObject({ kind: 'SLO', metadata: { name: 'fast' }, spec: { indicatorRef: 'under-300' } });
    expect(await countedSlos(store)).toMatchObject([{ name: 'fast', spec: { objectives: [{ targetPpm: 995_000 }] } }]);

    const again = SloPutAnswer.parse(await (await put('fast', JSON.stringify(document))).json());
    expect(again.version).toBe(answer.version);

    const deleted = await fetch(`${api.url}/api/v1/slos/fast`, { method: 'DELETE' });
    expect(await deleted.json()).toEqual({ name: 'fast', deleted: true });
    expect(await names()).toEqual([]);
    for (const path of ['fast', 'fast/status', 'fast/budget', 'fast/blame', 'fast/restatements']) {
      expect(await errorOf(await api.get(`/api/v1/slos/${path}`))).toMatchObject({
        status: 404,
        code: 'API_NOT_FOUND',
      });
    }
    const twice = await fetch(`${api.url}/api/v1/slos/fast`, { method: 'DELETE' });
    expect(await errorOf(twice)).toMatchObject({ status: 404 });
  });

  test('a changed SLI changes what the SLOs that refer to it count', async () => {
    await put('a', [sli('shared'), slo('a', 'indicatorRef: shared')].join('---'));
    await put('b', slo('b', 'indicatorRef: shared'));
    const [before] = await countedSlos(store);
    await put('b', [sli('shared', '2s'), slo('b', 'indicatorRef: shared')].join('---'));
    const [a, b] = await countedSlos(store);
    expect(a.definition).toBe(b.definition);
    expect(a.definition).not.toBe(before.definition);
  });

  test.each([
    ['nothing', '', 'the body is empty'],
    ['another name', slo('other', 'indicatorRef: x'), 'give one SLO with metadata.name: fast'],
    ['no SLO', sli('x'), 'there is none'],
    ['a reference that leads nowhere', slo('fast', 'indicatorRef: x'), 'names no SLI'],
    ['two faults', slo('fast', 'indicatorRef: x', 'colour: red').replace('0.995', '0'), 'spec.objectives.0.target'],
    ['text that is no YAML', '{', 'line'],
  ])('%s is refused, and nothing is stored', async (_, body, message) => {
    const error = await errorOf(await put('fast', body));
    expect(error).toMatchObject({ status: 400, code: 'API_BODY_INVALID' });
    expect(error.message).toContain(message);
    expect(await names()).toEqual([]);
  });

  test('all faults are told at once', async () => {
    const body = slo('fast', 'indicatorRef: x', 'colour: red').replace('0.995', '0');
    const { message } = await errorOf(await put('fast', body));
    expect(message).toContain('colour');
    expect(message).toContain('spec.objectives.0.target');
  });

  test('a body above 64 KiB is refused', async () => {
    const error = await errorOf(await put('fast', `#${'x'.repeat(65_536)}`));
    expect(error).toMatchObject({ status: 413, code: 'API_BODY_TOO_LARGE' });
  });

  test('what would break another SLO is refused', async () => {
    await put('a', [sli('shared'), slo('a', 'indicatorRef: shared')].join('---'));
    const other = `${sli('shared').replace(/ratioMetric:[\s\S]*/, 'thresholdMetric: { metricSource: { type: throughline, spec: {} } }')}\n`;
    const body = [other, slo('b', 'indicatorRef: mine'), sli('mine')].join('---');
    const error = await errorOf(await put('b', body));
    expect(error.message).toContain('SLO a would be invalid');
    expect(await names()).toEqual(['a']);
  });

  test('documents of other data sources are kept, listed with the reason, and not counted', async () => {
    const body = [sli('prometheus', '300ms', 'Prometheus'), slo('theirs', 'indicatorRef: prometheus')].join('---');
    expect((await put('theirs', body)).status).toBe(200);
    const [theirs] = await listed();
    expect(theirs).toMatchObject({ name: 'theirs', counted: false, objective_ppm: null, window: '' });
    expect(theirs.reason).toContain('Prometheus');
    expect(await countedSlos(store)).toEqual([]);
    const error = await errorOf(await api.get('/api/v1/slos/theirs/status'));
    expect(error.message).toContain('not counted');
  });

  test('the path of a webhook is used, but never shown, and what is hidden cannot be put', async () => {
    const inline = (url: string) =>
      slo(
        'fast',
        'indicatorRef: x',
        `alertPolicies: [{ kind: AlertPolicy, metadata: { name: page }, spec: { conditions: [{ kind: AlertCondition, metadata: { name: fast }, spec: { severity: page, condition: { kind: burnrate, op: gt, threshold: 14.4, lookbackWindow: 1h } } }], notificationTargets: [{ kind: AlertNotificationTarget, metadata: { name: hook }, spec: { target: "${url}" } }] } }]`,
      );
    const response = await put('fast', [sli('x'), inline('https://hooks.example/services/secret')].join('---'));
    expect(response.status, await response.clone().text()).toBe(200);
    const [{ spec }] = await countedSlos(store);
    expect(spec.alerts[0].targets[0].url).toBe('https://hooks.example/services/secret');
    const text = await (await api.get('/api/v1/slos/fast')).text();
    expect(text).toContain('https://hooks.example/***');
    expect(text).not.toContain('secret');
    expect(await errorOf(await put('fast', text))).toMatchObject({ status: 400, code: 'API_BODY_INVALID' });
    expect(
      (
        await put(
          'other',
          [slo('other', 'indicatorRef: x', 'alertPolicies: [{ alertPolicyRef: page }]'), target].join('---'),
        )
      ).status,
    ).toBe(200);
  });
});

describe('out of a folder', () => {
  const parts = () => testParts(store, { slo: { directory }, logger: pino({ level: 'silent' }) });
  const write = (file: string, text: string) => writeFile(join(directory, file), text);

  test('documents come, change and go with their files', async () => {
    const documents = new SloDocuments(parts());
    const folder = new SloFolder(parts(), documents, directory);
    await write('slis.yaml', sli('x'));
    await write('slo.yaml', slo('fast', 'indicatorRef: x'));
    await write('README.md', 'not a document');
    expect(await folder.sync()).toBe(2);
    expect(await documents.list()).toMatchObject([{ name: 'fast', source: 'folder', counted: true }]);
    expect(await folder.sync()).toBe(0);

    const [before] = await countedSlos(store);
    await write('slis.yaml', sli('x', '1s'));
    expect(await folder.sync()).toBe(2);
    const [after] = await countedSlos(store);
    expect(after.definition).not.toBe(before.definition);

    await rm(join(directory, 'slo.yaml'));
    expect(await folder.sync()).toBe(1);
    expect(await documents.list()).toEqual([]);
  });

  test('an invalid file leaves what it said before, also after a restart', async () => {
    const documents = new SloDocuments(parts());
    await write('slo.yaml', [sli('x'), slo('fast', 'indicatorRef: x')].join('---'));
    const folder = new SloFolder(parts(), documents, directory);
    await folder.sync();
    await write('slo.yaml', 'apiVersion: openslo/v1\nkind: SLOO\n');
    expect(await folder.sync()).toBe(0);
    expect(await new SloFolder(parts(), documents, directory).sync()).toBe(0);
    expect(await documents.list()).toMatchObject([{ name: 'fast', counted: true }]);
    // What it refers to has gone: it goes on being counted as it was.
    await write('slo.yaml', slo('fast', 'indicatorRef: x'));
    await folder.sync();
    expect(await countedSlos(store)).toMatchObject([{ name: 'fast' }]);
  });

  test('a folder that cannot be read deletes nothing', async () => {
    const documents = new SloDocuments(parts());
    await write('slo.yaml', [sli('x'), slo('fast', 'indicatorRef: x')].join('---'));
    await new SloFolder(parts(), documents, directory).sync();
    expect(await new SloFolder(parts(), documents, join(directory, 'none')).sync()).toBe(0);
    expect(await documents.list()).toHaveLength(1);
  });

  test('the API does not write what the folder holds', async () => {
    const documents = new SloDocuments(parts());
    await write('slo.yaml', [sli('x'), slo('fast', 'indicatorRef: x')].join('---'));
    await new SloFolder(parts(), documents, directory).sync();
    const held = 'SLO fast is in the folder of slo.directory: change its file there';
    await expect(documents.put('fast', slo('fast', 'indicatorRef: x'))).rejects.toThrow(held);
    await expect(documents.delete('fast')).rejects.toThrow(held);
    await expect(documents.put('mine', [sli('x', '2s'), slo('mine', 'indicatorRef: x')].join('---'))).rejects.toThrow(
      'SLI x is in the folder',
    );
    // The same document may come along.
    await documents.put('mine', [sli('x'), slo('mine', 'indicatorRef: x')].join('---'));
    expect(await documents.list()).toMatchObject([
      { name: 'fast', source: 'folder' },
      { name: 'mine', source: 'api' },
    ]);
  });

  test('a change is noticed while it runs', async () => {
    const documents = new SloDocuments(parts());
    const folder = new SloFolder(parts(), documents, directory);
    folder.start();
    await write('slo.yaml', [sli('x'), slo('fast', 'indicatorRef: x')].join('---'));
    await expect.poll(async () => (await documents.list()).length).toBe(1);
    await rm(join(directory, 'slo.yaml'));
    await expect.poll(async () => (await documents.list()).length).toBe(0);
    await folder.close();
  });
});
