/**
 * What is an OTLP request in JSON and what is not: `JSON.parse` says what is JSON, protobufjs's messages what its fields
 * are. Rules of ours beyond that:
 *
 *   names            lowerCamelCase only, anything else is unknown and ignored; enums are numbers (OTLP)
 *   null             is no value, also in a list (ProtoJSON)
 *   a name twice     lists are joined, of anything else the last value counts that is not null or the default (as in
 *                    protobuf, where a default is not written)
 *   invalid UTF-8    is replaced (checklist 22); a byte order mark is passed over
 *   deep             more than 128 messages inside each other are not looked into (checklist 23)
 */
import type { Field, Type } from 'protobufjs';
import { tracesData } from '../otlp/trace-proto.js';
import { type JsonValue, parseWithPairs } from './json-pairs.js';
import { type SpanIds, undecodable, type Verdict } from './verdict.js';

const MAX_DEPTH = 128;

class Mistyped extends Error {}

export function judgeJson(bytes: Uint8Array): Verdict {
  const text = new TextDecoder().decode(bytes);
  try {
    JSON.parse(text);
  } catch {
    return undecodable('no JSON');
  }
  const ids: SpanIds[] = [];
  try {
    readObject(parseWithPairs(text), tracesData, 0, ids);
  } catch (error) {
    if (error instanceof Mistyped) return undecodable(error.message);
    throw error;
  }
  return { kind: 'ok', ids };
}

function readObject(value: JsonValue, type: Type, depth: number, ids: SpanIds[]): void {
  if (value.kind !== 'object') throw new Mistyped(`${type.name}: expected an object`);
  const span = { traceId: '', spanId: '' };
  for (const [name, member] of value.pairs) {
    // protobufjs keeps fields by name in lowerCamelCase.
    const field = Object.hasOwn(type.fields, name) ? type.fields[name].resolve() : undefined;
    if (field === undefined || isNull(member)) continue;
    if (!field.repeated) readValue(member, field, depth, ids);
    else if (member.kind !== 'array') throw new Mistyped(`${name}: expected an array`);
    else for (const item of member.items) if (!isNull(item)) readValue(item, field, depth, ids);
    if (type.name === 'Span' && member.kind === 'string' && member.text !== '' && name in span) {
      span[name as keyof typeof span] = member.text.toLowerCase();
    }
  }
  if (type.name === 'Span') ids.push([span.traceId, span.spanId]);
}

function isNull(value: JsonValue): boolean {
  return value.kind === 'literal' && value.text === 'null';
}

function readValue(value: JsonValue, field: Field, depth: number, ids: SpanIds[]): void {
  const inner = field.resolvedType as Type | null;
  if (inner) {
    if (depth < MAX_DEPTH) readObject(value, inner, depth + 1, ids);
  } else if (!SCALARS[scalarOf(field)](value)) throw new Mistyped(`${field.name}: no ${scalarOf(field)}`);
}

type Scalar = 'id' | 'string' | 'bytes' | 'bool' | 'enum' | 'uint32' | 'int64' | 'fixed32' | 'fixed64' | 'double';

function scalarOf({ name, type }: Field): Scalar {
  if (['traceId', 'spanId', 'parentSpanId'].includes(name)) return 'id';
  return type === 'int32' ? 'enum' : (type as Scalar);
}

const SCALARS: Readonly<Record<Scalar, (value: JsonValue) => boolean>> = {
  id: value => value.kind === 'string' && /^(?:[0-9a-f]{2})*$/i.test(value.text),
  string: value => value.kind === 'string',
  bytes: value => value.kind === 'string' && isBase64(value.text),
  bool: value => value.kind === 'literal' && value.text !== 'null',
  enum: value => value.kind === 'number' && isInteger(value, -(2n ** 31n), 2n ** 31n - 1n),
  uint32: value => isInteger(value, 0n, 2n ** 32n - 1n),
  fixed32: value => isInteger(value, 0n, 2n ** 32n - 1n),
  int64: value => isInteger(value, -(2n ** 63n), 2n ** 63n - 1n),
  fixed64: value => isInteger(value, 0n, 2n ** 64n - 1n),
  double: isDouble,
};

const NUMBER = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
/** No integer of 64 bits is written with more digits or a larger exponent than this; ours stops there, too. */
const MAX_DIGITS = 400;

function isInteger(value: JsonValue, lowest: bigint, highest: bigint): boolean {
  if (value.kind !== 'number' && value.kind !== 'string') return false;
  const match = NUMBER.exec(value.text);
  if (match === null) return false;
  const [, sign, whole, fraction = '', exponentText = '0'] = match;
  const digits = BigInt(whole + fraction);
  if (digits === 0n) return true;
  const exponent = Number(exponentText) - fraction.length;
  if (Math.abs(exponent) > MAX_DIGITS || whole.length + fraction.length > MAX_DIGITS) return false;
  const scale = 10n ** BigInt(Math.abs(exponent));
  if (exponent < 0 && digits % scale !== 0n) return false;
  const magnitude = exponent < 0 ? digits / scale : digits * scale;
  const number = sign === '-' ? -magnitude : magnitude;
  return number >= lowest && number <= highest;
}

function isDouble(value: JsonValue): boolean {
  if (value.kind === 'string' && ['NaN', 'Infinity', '-Infinity'].includes(value.text)) return true;
  return (
    (value.kind === 'number' || value.kind === 'string') &&
    NUMBER.test(value.text) &&
    Number.isFinite(Number(value.text))
  );
}

function isBase64(text: string): boolean {
  return /^[A-Za-z0-9+/_-]*={0,2}$/.test(text) && text.replace(/=+$/, '').length % 4 !== 1;
}
