/** Changes to the fields of a protobuf message, the lengths around them kept right (or wrong only where they are changed). */
import type { Draw } from '../oracle/random.js';
import { cloneField, type FieldNode, type Message, messagesIn, varint, Wire, writeMessage } from './message-tree.js';
import { randomBytes } from './mutate-bytes.js';

/** Of all, now and then one that no limit of recursion survives. */
const DEEP = 100_000;
const KEPT_FIELDS = 32;

type Change = (draw: Draw, place: Message, at: number, root: Message) => void;

export const FIELD_MUTATIONS: readonly { readonly name: string; readonly change: Change }[] = [
  { name: 'duplicate a field', change: (_draw, place, at) => place.splice(at, 0, cloneField(place[at])) },
  { name: 'delete a field', change: (_draw, place, at) => place.splice(at, 1) },
  { name: 'move a field to another message', change: moveField },
  { name: 'swap two fields', change: swapFields },
  { name: 'change the wire type', change: (draw, place, at) => setWireType(place[at], draw.integer(0, 7)) },
  { name: 'change the field number', change: changeNumber },
  { name: 'a wrong length', change: wrongLength },
  { name: 'a long length', change: longLength },
  { name: 'a long tag', change: longTag },
  { name: 'a varint of many bytes', change: longVarint },
  { name: 'a varint that overflows', change: (draw, place, at) => overflow(draw, place[at]) },
  { name: 'another value', change: otherValue },
  { name: 'an id of another length', change: otherId },
  { name: 'invalid UTF-8', change: invalidUtf8 },
  { name: 'an unknown field', change: (draw, place, at) => place.splice(at, 0, unknownField(draw)) },
  { name: 'a group', change: (draw, place, at) => place.splice(at, 0, ...group(draw)) },
  { name: 'an end of a group', change: (draw, place, at) => place.splice(at, 0, scalar(draw, Wire.GROUP_END)) },
  { name: 'nest deeper', change: nest },
  { name: 'an empty message', change: (_draw, place, at) => empty(place[at]) },
  { name: 'many of a field', change: many },
];

/** Applies one of them to a tree that is the caller's to change. */
export function mutateFields(draw: Draw, root: Message): string {
  const { name, change } = draw.pick(FIELD_MUTATIONS);
  const place = draw.pick(messagesIn(root).filter(message => message.length > 0));
  if (place !== undefined) change(draw, place, draw.integer(0, place.length - 1), root);
  return name;
}

function moveField(draw: Draw, place: Message, at: number, root: Message): void {
  const [node] = place.splice(at, 1);
  const target = draw.pick(messagesIn(root));
  target.splice(draw.integer(0, target.length), 0, node);
}

function swapFields(draw: Draw, place: Message, at: number): void {
  const other = draw.integer(0, place.length - 1);
  [place[at], place[other]] = [place[other], place[at]];
}

/** What follows stays, so it is read as something else. */
function setWireType(node: FieldNode, wireType: number): void {
  node.tag = varint(node.number * 8 + wireType);
}

function changeNumber(draw: Draw, place: Message, at: number): void {
  const node = place[at];
  node.number = draw.pick([0, 1, 2, 3, node.number + 1, 15, 16, 31, 1_000, 2 ** 29 - 1]);
  if (draw.chance(0.1)) node.tag = varint(2n ** 32n + BigInt(node.number * 8 + node.wireType));
}

function wrongLength(draw: Draw, place: Message, at: number): void {
  const node = place[at];
  const right = node.message === undefined ? node.value.length : writeMessage(node.message).length;
  const wrong = draw.pick([
    right + 1,
    Math.max(0, right - 1),
    0,
    right * 2,
    2 ** 31 - 1,
    2 ** 32 - 1,
    2 ** 32,
    2 ** 53,
  ]);
  node.length = varint(draw.chance(0.1) ? 2n ** 64n - 1n : wrong);
}

function longLength(draw: Draw, place: Message, at: number): void {
  const node = place[at];
  const right = node.message === undefined ? node.value.length : writeMessage(node.message).length;
  node.length = varint(right, draw.integer(2, 12));
}

function longTag(draw: Draw, place: Message, at: number): void {
  const { number, wireType } = place[at];
  place[at].tag = varint(number * 8 + wireType, draw.integer(2, 12));
}

function longVarint(draw: Draw, place: Message, at: number): void {
  const node = scalar(draw, Wire.VARINT);
  node.value = varint(draw.integer(0, 300), draw.integer(2, 12));
  place.splice(at, 0, node);
}

function overflow(draw: Draw, node: FieldNode): void {
  const last = draw.pick([0x00, 0x01, 0x02, 0x7f]);
  const bytes = Uint8Array.from([...Array.from({ length: draw.integer(8, 11) }, () => 0xff), last]);
  if (node.wireType === Wire.VARINT) node.value = bytes;
  else if (node.wireType === Wire.LENGTH && draw.chance(0.5)) node.length = bytes;
  else node.tag = bytes;
}

function otherValue(draw: Draw, place: Message, at: number): void {
  const node = place[at];
  const bytes = node.wireType === Wire.FIXED64 ? 8 : node.wireType === Wire.FIXED32 ? 4 : draw.integer(0, 40);
  node.message = undefined;
  node.value =
    node.wireType === Wire.VARINT
      ? varint(BigInt(draw.integer(0, 2 ** 52)) ** 2n % 2n ** 64n)
      : randomBytes(draw, bytes);
}

function otherId(draw: Draw, place: Message, at: number): void {
  const node = place[at];
  if (node.wireType !== Wire.LENGTH || node.message !== undefined) return;
  const bytes = draw.pick([0, 1, 7, 8, 9, 15, 16, 17, 32]);
  node.value = draw.chance(0.5) ? new Uint8Array(bytes) : randomBytes(draw, bytes);
}

const INVALID_UTF8 = ['ff', 'c0af', 'c3', 'e282', 'eda080', 'f0908d', 'f4908080', 'f8888080', '80', 'efbbbf', '00'];

function invalidUtf8(draw: Draw, place: Message, at: number): void {
  const node = place[at];
  if (node.wireType !== Wire.LENGTH || node.message !== undefined) return;
  const cut = draw.integer(0, node.value.length);
  const bad = Buffer.from(draw.pick(INVALID_UTF8), 'hex');
  node.value = Buffer.concat([node.value.subarray(0, cut), bad, node.value.subarray(cut)]);
}

function scalar(draw: Draw, wireType: number): FieldNode {
  const bytes = wireType === Wire.FIXED64 ? 8 : wireType === Wire.FIXED32 ? 4 : 0;
  const value = wireType === Wire.VARINT ? varint(draw.integer(0, 1_000)) : randomBytes(draw, bytes);
  return { number: draw.integer(1, 20), wireType, value, message: undefined };
}

function unknownField(draw: Draw): FieldNode {
  const node = scalar(draw, draw.pick([Wire.VARINT, Wire.FIXED64, Wire.LENGTH, Wire.FIXED32]));
  node.number = draw.pick([17, 100, 1_000, 19_000, 2 ** 29 - 1]);
  if (node.wireType === Wire.LENGTH) node.value = randomBytes(draw, draw.integer(0, 200));
  return node;
}

function group(draw: Draw): FieldNode[] {
  const start = scalar(draw, Wire.GROUP_START);
  return [start, scalar(draw, Wire.VARINT), { ...start, wireType: Wire.GROUP_END }];
}

/** Puts an attribute with a value of many levels where a span or resource has its attributes. */
function nest(draw: Draw, place: Message, at: number): void {
  const levels = draw.chance(0.004) ? DEEP : draw.integer(1, 160);
  place.splice(at, 0, {
    number: draw.pick([1, 3, 9]),
    wireType: Wire.LENGTH,
    value: nestedAttribute(levels),
    message: undefined,
  });
}

/** KeyValue { key, value }: arrays of arrays. Lengths grow from the inside, so it is written from the end. */
export function nestedAttribute(levels: number): Uint8Array {
  const heads: Uint8Array[] = [];
  let bytes = 0;
  const wrap = (tag: number): void => {
    const length = varint(bytes);
    heads.push(length, Uint8Array.of(tag));
    bytes += length.length + 1;
  };
  for (let level = 1; level < levels; level++) {
    wrap(0x0a);
    wrap(0x2a);
  }
  wrap(0x12);
  return Buffer.concat([Buffer.from('0a016b', 'hex'), ...heads.reverse()]);
}

function empty(node: FieldNode): void {
  if (node.wireType !== Wire.LENGTH) return;
  node.value = new Uint8Array(0);
  node.message = undefined;
}

function many(draw: Draw, place: Message, at: number): void {
  const copies = draw.chance(0.05) ? 2_000 : draw.integer(1, KEPT_FIELDS);
  place.splice(at, 0, ...Array.from({ length: copies }, () => cloneField(place[at])));
}
