/** Real payloads to be mutated: recorded requests, generated ones with oddities, and one with every field there is. */
import { jsonToProtobuf } from '../../otlp/index.js';
import { generateTrace, toRequest } from '../oracle/generate.js';
import { type Recording, recordedLines } from '../otlp/recorded.js';
import { seededRandom } from '../support/random.js';
import { type Message, readMessage } from './message-tree.js';

export interface Base {
  readonly json: Buffer;
  readonly protobuf: Buffer;
  readonly tree: Message;
}

const RECORDINGS: readonly Recording[] = ['opentelemetry-demo', 'onlineboutique', 'trainticket'];
const LINES_OF_EACH = 40;
/** Small ones make many mutations, and each of them tells more. */
const MAX_LINE_BYTES = 12_000;
const GENERATED = 30;

export function loadBases(): readonly Base[] {
  const recorded = RECORDINGS.flatMap(recording =>
    recordedLines(recording)
      .filter(line => line.length <= MAX_LINE_BYTES)
      .slice(0, LINES_OF_EACH),
  );
  const generated = Array.from({ length: GENERATED }, (_, index) =>
    JSON.stringify(toRequest(generateTrace(seededRandom(index), index, { maxSpans: 8 }).spans)),
  );
  return [...recorded, ...generated, JSON.stringify(EVERY_FIELD)].map(line => {
    const json = Buffer.from(line);
    const protobuf = Buffer.from(jsonToProtobuf(json));
    return { json, protobuf, tree: readMessage(protobuf) };
  });
}

const VALUES = [
  { stringValue: 'Zürich \u0000 \u{1f682}' },
  { boolValue: true },
  { intValue: '-9223372036854775808' },
  { doubleValue: -1.5e300 },
  { bytesValue: '3q2+7w==' },
  { arrayValue: { values: [{ intValue: '1' }, { arrayValue: { values: [{ stringValue: 'inner' }] } }, {}] } },
  { kvlistValue: { values: [{ key: 'k', value: { kvlistValue: { values: [{ key: 'l' }] } } }] } },
];
const ATTRIBUTES = VALUES.map((value, index) => ({ key: `key.${index}`, value }));
const TRACE_ID = '5b8efff798038103d269b633813fc60c';

const EVERY_FIELD = {
  resourceSpans: [
    {
      resource: {
        attributes: [{ key: 'service.name', value: { stringValue: 'every-field' } }, ...ATTRIBUTES],
        droppedAttributesCount: 1,
        entityRefs: [{ schemaUrl: 'urn:s', type: 'host', idKeys: ['host.id'], descriptionKeys: ['host.name'] }],
      },
      scopeSpans: [
        {
          scope: { name: 'scope', version: '1.0', attributes: ATTRIBUTES, droppedAttributesCount: 4_294_967_295 },
          spans: [
            {
              traceId: TRACE_ID,
              spanId: 'eee19b7ec3c1b174',
              parentSpanId: 'eee19b7ec3c1b173',
              traceState: 'a=b,c=d',
              name: 'every field',
              kind: 2,
              startTimeUnixNano: '1764000000000000001',
              endTimeUnixNano: '1764000000250000003',
              attributes: ATTRIBUTES,
              droppedAttributesCount: 2,
              events: [{ timeUnixNano: '1764000000100000000', name: 'event', attributes: ATTRIBUTES }],
              droppedEventsCount: 3,
              links: [
                { traceId: TRACE_ID, spanId: '00f067aa0ba902b7', traceState: 'e=f', attributes: ATTRIBUTES, flags: 1 },
              ],
              droppedLinksCount: 4,
              status: { message: 'failed', code: 2 },
              flags: 257,
            },
            { traceId: '00000000000000000000000000000000', spanId: 'eee19b7ec3c1b175' },
            { traceId: TRACE_ID, spanId: '00' },
          ],
          schemaUrl: 'https://opentelemetry.io/schemas/1.30.0',
        },
      ],
      schemaUrl: 'https://opentelemetry.io/schemas/1.30.0',
    },
  ],
};
