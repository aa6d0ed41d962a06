/**
 * Parameters and bodies of the HTTP API. A schema takes the text of the URL and yields parsed values, so the same
 * object checks requests and describes them in the OpenAPI document (`io: 'input'`). The message of an issue says what
 * would be valid; who reports it adds the parameter's name and the value.
 */
import { z } from 'zod';
import { DURATION_FORMS, parseDuration } from './api-time.js';
import { instantParameter, limitParameter, parsed, textParameter } from './parameter-values.js';

const text = textParameter;
const instant = instantParameter;
const positive = (ns: bigint | undefined) => (ns === undefined || ns <= 0n ? undefined : ns);

export const DIMENSIONS = ['location', 'locality', 'region', 'country', 'service', 'operation', 'environment'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

export const DEFAULT_QUANTILES: readonly number[] = [0.5, 0.9, 0.95, 0.99];
const MAX_QUANTILES = 20;

function parseQuantiles(value: string): number[] | undefined {
  const parts = value.split(',');
  if (parts.length > MAX_QUANTILES || !parts.every(part => /^(0|1|0?\.\d{1,9}|[01]\.0+)$/.test(part.trim()))) {
    return undefined;
  }
  return [...new Set(parts.map(Number))];
}

function parseDimensions(value: string): Dimension[] | undefined {
  const parts = [...new Set(value.split(',').map(part => part.trim()))];
  return parts.every(part => (DIMENSIONS as readonly string[]).includes(part)) ? (parts as Dimension[]) : undefined;
}

const WINDOW = {
  window: parsed(DURATION_FORMS, value => positive(parseDuration(value)))
    .optional()
    .describe(`Length of the window before \`at\`: ${DURATION_FORMS}. Default 5m. Not together with \`from\`.`),
  at: instant('End of the window (exclusive), default now; the same as `to`'),
  from: instant('Start of the window (inclusive)'),
  to: instant('End of the window (exclusive), default now'),
};

const FILTERS = {
  location: text('Locality, region code or country code, in any case: `New York`, `US-NY`, `us`.'),
  service: text('Service of the root span.'),
  operation: text('Name of the root span.'),
};

export const LatencyParameters = z.strictObject({
  ...FILTERS,
  ...WINDOW,
  quantile: parsed(`up to ${MAX_QUANTILES} numbers from 0 to 1, comma separated, such as 0.5,0.99`, parseQuantiles)
    .optional()
    .describe('Quantiles of the duration, comma separated, each from 0 to 1. Default 0.5,0.9,0.95,0.99.'),
  group_by: parsed(`any of ${DIMENSIONS.join(', ')}, comma separated`, parseDimensions)
    .optional()
    .describe(
      `One group per value of these, comma separated: ${DIMENSIONS.join(', ')}. \`location\` is the finest known of locality, region and country.`,
    ),
  step: parsed(`${DURATION_FORMS}, at least 1s`, value => {
    const ns = parseDuration(value);
    return ns !== undefined && ns >= 1_000_000_000n ? ns : undefined;
  })
    .optional()
    .describe(
      'A series: one group per key and step, the start of the step in `key.from`. Steps are multiples of `step` since 1970, cut to the window, so they stay put as the window moves; steps without traces are left out.',
    ),
});
export type LatencyParameters = z.output<typeof LatencyParameters>;

export const TRACES_PER_PAGE = 100;
export const MAX_TRACES_PER_PAGE = 1000;

/** A bare number is milliseconds here, the unit of `duration_ms`. */
const traceDuration = (description: string) =>
  parsed(`${DURATION_FORMS}, or a number of milliseconds`, value =>
    parseDuration(/^\d+(\.\d+)?$/.test(value) ? `${value}ms` : value),
  )
    .optional()
    .describe(description);

export const TracesParameters = z.strictObject({
  ...FILTERS,
  ...WINDOW,
  min_duration: traceDuration('Least duration (inclusive); a bare number is milliseconds.'),
  max_duration: traceDuration('Greatest duration (inclusive); a bare number is milliseconds.'),
  error: parsed('true or false', value => (value === 'true' ? true : value === 'false' ? false : undefined))
    .optional()
    .describe('Only traces in error (`true`) or only those that are not (`false`).'),
  limit: limitParameter(MAX_TRACES_PER_PAGE, TRACES_PER_PAGE, 'Traces per page'),
  cursor: text('`next_cursor` of the page before, with the same filters; the window is that of the first page.'),
});
export type TracesParameters = z.output<typeof TracesParameters>;

export const TracePath = z.strictObject({
  trace_id: parsed('a trace id of 32 hexadecimal digits', value =>
    /^[0-9a-f]{32}$/i.test(value) ? value.toLowerCase() : undefined,
  ).describe('32 hexadecimal digits.'),
});

/** ClickHouse's names, of the text formats that do not depend on further settings. */
export const SQL_FORMATS = [
  'JSON',
  'JSONCompact',
  'JSONColumns',
  'JSONEachRow',
  'JSONCompactEachRow',
  'CSV',
  'CSVWithNames',
  'TSV',
  'TSVWithNames',
  'TabSeparated',
  'TabSeparatedWithNames',
  'Markdown',
  'Vertical',
] as const;

export const SqlParameters = z.strictObject({
  format: parsed(`one of ${SQL_FORMATS.join(', ')}`, value =>
    SQL_FORMATS.find(format => format.toLowerCase() === value.toLowerCase()),
  )
    .optional()
    .describe(`Format of the answer: ${SQL_FORMATS.join(', ')}. Default JSON.`),
});

export const SqlBody = z.strictObject({ query: z.string({ error: 'give the SELECT as text' }) });

export const NoParameters = z.strictObject({});
