/** Values of `{name:Type}` in ClickHouse's HTTP interface: text, escaped as in its tab-separated formats. */
import { randomBytes } from 'node:crypto';
import type { QueryParameter } from './types.js';

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r', "'": "\\'" };

export function parameterText(value: QueryParameter): string {
  if (typeof value === 'string') return escaped(value);
  return Array.isArray(value) ? `[${value.map(elementText).join(',')}]` : String(value);
}

function elementText(value: QueryParameter): string {
  return typeof value === 'string' ? `'${escaped(value)}'` : parameterText(value);
}

function escaped(text: string): string {
  return text.replace(/[\\\t\n\r']/g, character => ESCAPES[character]);
}

/** `multipart/form-data` of the parts. */
export function formOf(parts: readonly (readonly [string, string])[]) {
  const boundary = `throughline-${randomBytes(16).toString('hex')}`;
  const texts = parts.map(
    ([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  return {
    bytes: `${texts.join('')}--${boundary}--\r\n`,
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
  };
}
