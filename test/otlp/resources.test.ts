import { describe, expect, test } from 'vitest';
import { SPAN_ID, TRACE_ID } from './message-bytes.js';
import { encodeRequest, type Row, readRows } from './read-rows.js';
import type { JsonKeyValue, JsonSpan } from './readable-spans.js';

const TRACE_HEX = Buffer.from(TRACE_ID).toString('hex');
const SPAN_HEX = Buffer.from(SPAN_ID).toString('hex');

const string = (key: string, stringValue: string): JsonKeyValue => ({ key, value: { stringValue } });

function rowOfJson(span: Partial<JsonSpan>, resource: JsonKeyValue[] = []): Row {
  const spans = [{ traceId: TRACE_HEX, spanId: SPAN_HEX, ...span }];
  return readRows(
    encodeRequest({ resourceSpans: [{ resource: { attributes: resource }, scopeSpans: [{ spans }] }] }),
  )[0];
}

describe('what the resource says', () => {
  test.each([
    [[], 'unknown_service'],
    [[string('service.name', '')], 'unknown_service'],
    [[string('service.name', 'shop')], 'shop'],
  ])('service of %j is %s', (resource, service) => {
    expect(rowOfJson({}, resource).service).toBe(service);
  });

  test('the environment is deployment.environment.name, else deployment.environment', () => {
    const old = string('deployment.environment', 'old');
    expect(rowOfJson({}, [old]).environment).toBe('old');
    expect(rowOfJson({}, [old, string('deployment.environment.name', 'new')]).environment).toBe('new');
    expect(rowOfJson({}, [old, string('deployment.environment.name', '')]).environment).toBe('old');
  });

  test.each([
    [[string('host.name', 'n')], 'n'],
    [
      [
        string('host.name', 'n'),
        {
          key: 'host.ip',
          value: { arrayValue: { values: [{ stringValue: '10.0.0.1' }, { stringValue: '10.0.0.2' }] } },
        },
      ],
      '10.0.0.1',
    ],
    [[string('host.name', 'n'), string('host.ip', '10.0.0.3')], '10.0.0.3'],
    [[string('host.name', 'n'), { key: 'host.ip', value: { arrayValue: {} } }], 'n'],
    [[string('host.name', 'n'), { key: 'host.ip', value: { arrayValue: { values: [{ intValue: 1 }] } } }], 'n'],
    [[string('host.ip', '10.0.0.3'), string('host.id', 'i')], 'i'],
    [[{ key: 'host.ip', value: { arrayValue: {} } }, string('other', 'x'), string('host.name', 'n')], 'n'],
    [[string('host.id', ''), string('host.name', 'n')], 'n'],
    [[], ''],
  ] as [JsonKeyValue[], string][])('host of %j is %s', (resource, host) => {
    expect(rowOfJson({}, resource).host).toBe(host);
  });

  test('thousands of resources, more than are remembered, keep their own', () => {
    const resources = Array.from({ length: 5000 }, (_, i) => `service-${i}`);
    const request = {
      resourceSpans: [...resources, ...resources].map(name => ({
        resource: { attributes: [string('service.name', name)] },
        scopeSpans: [{ spans: [{ traceId: TRACE_HEX, spanId: SPAN_HEX }] }],
      })),
    };
    expect(readRows(encodeRequest(request)).map(row => row.service)).toEqual([...resources, ...resources]);
  });
});

describe('peer service', () => {
  const all = [
    string('network.peer.address', '10.0.0.1'),
    string('server.address', 'db.local'),
    string('peer.service', 'db'),
  ];

  test.each([
    [3, all, 'db'],
    [4, all.slice(0, 2), 'db.local'],
    [3, all.slice(0, 1), '10.0.0.1'],
    [3, [...all.slice(0, 2), string('peer.service', '')], 'db.local'],
    [2, all, ''],
    [1, all, ''],
    [5, all, ''],
    [3, [], ''],
  ])('of a span of kind %d with %j is %s', (kind, attributes, peerService) => {
    expect(rowOfJson({ kind, attributes }).peerService).toBe(peerService);
  });
});
