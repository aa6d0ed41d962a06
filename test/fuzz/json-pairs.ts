/** Text that `JSON.parse` takes, read again with what it loses: names that come twice, and how numbers were written. */

export type JsonValue =
  | { readonly kind: 'object'; readonly pairs: [string, JsonValue][] }
  | { readonly kind: 'array'; readonly items: JsonValue[] }
  | { readonly kind: 'string' | 'number' | 'literal'; readonly text: string };

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** Without recursion: values may be nested 100,000 levels deep. */
export function parseWithPairs(text: string): JsonValue {
  const root: JsonValue[] = [];
  const stack: { items: JsonValue[]; pairs: [string, JsonValue][] | undefined }[] = [{ items: root, pairs: undefined }];
  let key: string | undefined;
  const put = (value: JsonValue): void => {
    const { items, pairs } = stack[stack.length - 1];
    if (pairs === undefined) items.push(value);
    else if (key !== undefined) pairs.push([key, value]);
    key = undefined;
  };
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') {
      const items: JsonValue[] = [];
      const pairs: [string, JsonValue][] | undefined = token === '{' ? [] : undefined;
      put(pairs === undefined ? { kind: 'array', items } : { kind: 'object', pairs });
      stack.push({ items, pairs });
    } else if (token === '}' || token === ']') stack.pop();
    else if (token !== ',' && token !== ':') {
      const isString = token.startsWith('"');
      const written = isString ? (JSON.parse(token) as string) : token;
      if (isString && stack[stack.length - 1].pairs !== undefined && key === undefined) key = written;
      else put({ kind: isString ? 'string' : /^[a-z]/.test(token) ? 'literal' : 'number', text: written });
    }
  }
  return root[0];
}
