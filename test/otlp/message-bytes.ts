/** Protobuf by hand, for what no encoder would write. */

/** `spaced hex` as bytes. */
export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function varint(value: bigint | number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt(value);
  do {
    const group = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest === 0n ? group : group | 0x80);
  } while (rest !== 0n);
  return Uint8Array.from(bytes);
}

/** A length-delimited field. */
export function field(number: number, ...content: readonly Uint8Array[]): Uint8Array {
  const joined = concat(...content);
  return concat(varint(number * 8 + 2), varint(joined.length), joined);
}

export function varintField(number: number, value: bigint | number): Uint8Array {
  return concat(varint(number * 8), varint(value));
}

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);

export const TRACE_ID = hex('5b8efff798038103d269b633813fc60c');
export const SPAN_ID = hex('eee19b7ec3c1b174');

/** Content of a span of nothing but ids and what is given. */
export function spanContent(...more: readonly Uint8Array[]): Uint8Array {
  return concat(field(1, TRACE_ID), field(2, SPAN_ID), ...more);
}

/** A request of one resource and scope with these spans, by their contents. */
export function requestOf(...spans: readonly Uint8Array[]): Uint8Array {
  return field(1, field(2, ...spans.map(span => field(2, span))));
}
