/** Changes to the tokens of a JSON text. */
import type { Draw } from '../oracle/random.js';

const DEEP = 100_000;
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

type Change = (draw: Draw, tokens: string[], at: number) => void;

const NUMBERS = [
  '0', '-0', '1.0', '1e3', '1e400', '-1', '1.5', '01', '+1', '.5', '1.', '1e', '0x10', 'NaN', '9007199254740993',
  '2147483647', '2147483648', '4294967295', '4294967296', '18446744073709551615', '18446744073709551616',
  '-9223372036854775808', '-9223372036854775809', '1e-400', '1E+2', '"1e3"', '" 1"', '"-0"', '"18446744073709551616"',
  `1${'0'.repeat(500)}`, `1.${'0'.repeat(500)}`, '1e99999999999',
]; // biome-ignore format: a table
const STRINGS = [
  '""', '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\u0001"', '"\\x41"', '"\\u12"', '"\\', '"a\\u0062"', '"ABCDEF"',
  '"0x00"', '"g0"', '"abc"', '"3q2+7w=="', '"3q2-7w"', '"3q2+7w="', '"A"', '"Infinity"', '"NaN"', '"\u2028"',
  '"\\u0061bcdef0123456789"', "'single'",
]; // biome-ignore format: a table
const LITERALS = ['null', 'true', 'false', 'True', 'nul', 'undefined', '[]', '{}', '[null]', '{"a":{}}', '//c', '/**/'];

const CHANGES: readonly { readonly name: string; readonly change: Change }[] = [
  { name: 'delete a token', change: (_draw, tokens, at) => tokens.splice(at, 1) },
  { name: 'repeat a token', change: (_draw, tokens, at) => tokens.splice(at, 0, tokens[at]) },
  { name: 'swap tokens', change: swap },
  {
    name: 'another number',
    change: (draw, tokens, at) => replaceNear(tokens, at, /^-?\d|^"-?\d+"$/, draw.pick(NUMBERS)),
  },
  { name: 'another string', change: (draw, tokens, at) => replaceNear(tokens, at, /^"/, draw.pick(STRINGS)) },
  { name: 'another literal', change: (draw, tokens, at) => tokens.splice(at, 1, draw.pick(LITERALS)) },
  { name: 'another token', change: (draw, tokens, at) => tokens.splice(at, 1, draw.pick(tokens)) },
  {
    name: 'white space',
    change: (draw, tokens, at) => tokens.splice(at, 0, draw.pick([' ', '\n', '\t', '\v', '\u00a0', '\ufeff'])),
  },
  { name: 'repeat members', change: repeatMembers },
  { name: 'rename a key', change: renameKey },
  { name: 'escape a key', change: escapeKey },
  { name: 'nest deeper', change: nest },
  { name: 'an unknown field', change: unknownField },
  {
    name: 'something after the end',
    change: (draw, tokens) => void tokens.push(draw.pick(['{}', ',', '0', '\u0000', ' '])),
  },
];

/** Now and then bytes that are no UTF-8 take the place of some that are. */
const INVALID_SHARE = 0.08;

export function mutateJson(draw: Draw, json: Buffer): { name: string; bytes: Buffer } {
  const tokens = json.toString('utf8').match(TOKEN) ?? [];
  const { name, change } = draw.pick(CHANGES);
  if (tokens.length > 0) change(draw, tokens, draw.integer(0, tokens.length - 1));
  const bytes = Buffer.from(tokens.join(''));
  if (!draw.chance(INVALID_SHARE) || bytes.length === 0) return { name, bytes };
  bytes[draw.integer(0, bytes.length - 1)] = draw.pick([0xff, 0xc3, 0xed, 0x80, 0x00]);
  return { name: `${name}, a bad byte`, bytes };
}

function swap(draw: Draw, tokens: string[], at: number): void {
  const other = draw.integer(0, tokens.length - 1);
  [tokens[at], tokens[other]] = [tokens[other], tokens[at]];
}

function replaceNear(tokens: string[], from: number, pattern: RegExp, replacement: string): void {
  const at = tokens.findIndex((token, index) => index >= from && pattern.test(token));
  if (at >= 0) tokens[at] = replacement;
}

/** Of an object that begins at or behind the place: all its members once more, so that every name in it comes twice. */
function repeatMembers(_draw: Draw, tokens: string[], from: number): void {
  const open = tokens.indexOf('{', from);
  if (open < 0) return;
  let depth = 0;
  let close = open;
  do {
    if (tokens[close] === '{' || tokens[close] === '[') depth++;
    if (tokens[close] === '}' || tokens[close] === ']') depth--;
  } while (depth > 0 && ++close < tokens.length);
  const members = tokens.slice(open + 1, close);
  if (members.length > 0) tokens.splice(close, 0, ',', ...members);
}

function keyNear(tokens: readonly string[], from: number): number {
  return tokens.findIndex((token, index) => index >= from && token.startsWith('"') && tokens[index + 1] === ':');
}

function renameKey(draw: Draw, tokens: string[], from: number): void {
  const at = keyNear(tokens, from);
  if (at < 0) return;
  const snake = tokens[at].replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
  tokens[at] = draw.pick([snake, '"traceId"', '"spans"', '"value"', '"attributes"', '"intValue"', '"__proto__"', '""']);
}

function escapeKey(draw: Draw, tokens: string[], from: number): void {
  const at = keyNear(tokens, from);
  if (at < 0 || tokens[at].length < 3) return;
  const letter = draw.integer(1, tokens[at].length - 2);
  const code = tokens[at].charCodeAt(letter).toString(16).padStart(4, '0');
  tokens[at] = `${tokens[at].slice(0, letter)}\\u${code}${tokens[at].slice(letter + 1)}`;
}

function nest(draw: Draw, tokens: string[], from: number): void {
  const at = keyNear(tokens, from);
  if (at < 0) return;
  const levels = draw.chance(0.004) ? DEEP : draw.integer(1, 160);
  const [open, close] = draw.pick([
    ['{"arrayValue":{"values":[', ']}}'],
    ['{"kvlistValue":{"values":[{"value":', '}]}}'],
    ['[', ']'],
  ]);
  tokens.splice(at, 0, draw.pick(['"value"', '"unknown"']), ':', open.repeat(levels), '{}', close.repeat(levels), ',');
}

function unknownField(draw: Draw, tokens: string[], from: number): void {
  const at = keyNear(tokens, from);
  if (at >= 0) tokens.splice(at, 0, '"unknown"', ':', draw.pick([...LITERALS, ...NUMBERS, ...STRINGS]), ',');
}
