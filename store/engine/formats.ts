/** Content types of ClickHouse's output formats; what is not here is sent as plain text. */
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  csv: 'text/csv; charset=UTF-8; header=absent',
  csvwithnames: 'text/csv; charset=UTF-8; header=present',
  tabseparated: 'text/tab-separated-values; charset=UTF-8',
  tabseparatedwithnames: 'text/tab-separated-values; charset=UTF-8',
  tsv: 'text/tab-separated-values; charset=UTF-8',
  tsvwithnames: 'text/tab-separated-values; charset=UTF-8',
  xml: 'application/xml; charset=UTF-8',
};

const BINARY = /^(native|rowbinary.*|parquet|arrow.*|orc|avro|protobuf.*|msgpack|bson.*|npy)$/;

export function contentTypeOf(format: string): string {
  const name = format.toLowerCase();
  if (/^(pretty)?ndjson$|^json.*eachrow/.test(name)) return 'application/x-ndjson; charset=UTF-8';
  if (name.startsWith('json')) return 'application/json; charset=UTF-8';
  if (BINARY.test(name)) return 'application/octet-stream';
  return CONTENT_TYPES[name] ?? 'text/plain; charset=UTF-8';
}

/** Formats whose result is its chunks' results in a row: nothing stands before, between or after rows. */
const STREAMABLE = new Set([
  'csv',
  'jsoncompacteachrow',
  'jsoncompactstringseachrow',
  'jsoneachrow',
  'jsonlines',
  'jsonstringseachrow',
  'native',
  'ndjson',
  'rowbinary',
  'tabseparated',
  'tabseparatedraw',
  'tsv',
  'tsvraw',
]);

export function isStreamable(format: string): boolean {
  return STREAMABLE.has(format.toLowerCase());
}
