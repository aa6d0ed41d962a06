/** Numbers and annotations: what their types alone do not say. */
import { isExact, scaled } from './decimals.js';
import type { SloDocumentKind } from './documents.js';
import { unknownKey, valueAt } from './explain.js';
import { isThroughline, SOURCE_TYPE } from './metric-spec.js';
import type { Finding, Path } from './problems.js';

/** Parts per million, of shares (0.995) and percentages (99.5). */
const PPM_DIGITS = 6;
const MILLION = 1_000_000n;

export const ANNOTATION_MINIMUM_EVENTS = 'throughline.dev/minimum-events';
export const ANNOTATION_URL = 'throughline.dev/url';

/** 0.9995 → 999,500; undefined if that is not whole, or not from 1 to a million. */
export function shareToPpm(share: number): number | undefined {
  return inRange(scaled(share, PPM_DIGITS));
}

export function percentToPpm(percent: number): number | undefined {
  return inRange(scaled(percent, PPM_DIGITS - 2));
}

function inRange(ppm: bigint | undefined): number | undefined {
  return ppm === undefined || ppm < 1n || ppm > MILLION ? undefined : Number(ppm);
}

/** Keys whose numbers must be what was written, to the last digit. */
const EXACT_KEYS: ReadonlySet<string | number> = new Set([
  'value',
  'target',
  'targetPercent',
  'timeSliceTarget',
  'timeSliceWindow',
  'threshold',
  'compositeWeight',
]);

export function valueFindings(kind: SloDocumentKind, value: unknown, written: ReadonlyMap<string, string>): Finding[] {
  return [
    ...(kind === 'SLO' ? objectiveFindings(value) : []),
    ...annotationFindings(value, []),
    ...writtenFindings(value, written),
  ];
}

/** Of numbers that are not their text: those that must be what was written. */
function writtenFindings(value: unknown, written: ReadonlyMap<string, string>): Finding[] {
  return [...written].flatMap(([at, text]) => {
    const path = at.split('.');
    const source = path.indexOf('metricSource');
    if (source >= 0) return attributeFinding(valueAt(value, path.slice(0, source + 1)), path, text);
    if (!EXACT_KEYS.has(path.at(-1) ?? '') || isExact(Number(text), text)) return [];
    return [{ path, value: text, message: 'has more digits than a number keeps: give fewer' }];
  });
}

/** Attributes are compared as text: `version: 1.0` is the number 1, and would never match. */
function attributeFinding(metricSource: unknown, path: Path, text: string): Finding[] {
  const type = valueAt(metricSource, ['type']) ?? SOURCE_TYPE;
  if (typeof type !== 'string' || !isThroughline(type) || !path.includes('attributes')) return [];
  return [{ path, value: text, message: `is read as the number ${Number(text)}: give text in quotes` }];
}

function objectiveFindings(value: unknown): Finding[] {
  const objectives = valueAt(value, ['spec', 'objectives']);
  if (!Array.isArray(objectives)) return [];
  return objectives.flatMap((objective, index) => {
    const path = ['spec', 'objectives', index];
    return [
      ...numberFinding(
        objective,
        path,
        'target',
        shareToPpm,
        'give a share above 0 and up to 1, with at most 6 decimals, such as 0.995',
      ),
      ...numberFinding(
        objective,
        path,
        'targetPercent',
        percentToPpm,
        'give a percentage above 0 and up to 100, with at most 4 decimals, such as 99.5',
      ),
      ...numberFinding(
        objective,
        path,
        'timeSliceTarget',
        shareToPpm,
        'give a share above 0 and up to 1, with at most 6 decimals, such as 0.95',
      ),
      ...numberFinding(objective, path, 'compositeWeight', positive, 'give a number above 0'),
      ...numberFinding(objective, path, 'timeSliceWindow', wholeMinutes, 'give whole minutes, such as 1m or 5'),
    ];
  });
}

const positive = (number: number) => (number > 0 ? number : undefined);
const wholeMinutes = (number: number) => (Number.isInteger(number) && number > 0 && number < 1e9 ? number : undefined);

function numberFinding(
  objective: unknown,
  path: Path,
  key: string,
  read: (number: number) => number | undefined,
  message: string,
): Finding[] {
  const value = valueAt(objective, [key]);
  if (typeof value !== 'number' || !Number.isFinite(value) || read(value) !== undefined) return [];
  return [{ path: [...path, key], value, message }];
}

/** Of the document and of what stands in line in it; annotations that are not ours may hold anything. */
function annotationFindings(value: unknown, path: Path): Finding[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = ourAnnotations(valueAt(value, ['metadata', 'annotations']), [...path, 'metadata', 'annotations']);
  const inner = Object.entries(value).flatMap(([key, part]) =>
    FREE_FORM.has(key) ? [] : annotationFindings(part, [...path, Array.isArray(value) ? Number(key) : key]),
  );
  return [...own, ...inner];
}

const FREE_FORM: ReadonlySet<string> = new Set(['metadata', 'metricSource', 'connectionDetails']);

function ourAnnotations(annotations: unknown, path: Path): Finding[] {
  const findings = strangersUnderOurName(annotations, path);
  const minimum = valueAt(annotations, [ANNOTATION_MINIMUM_EVENTS]);
  if (typeof minimum === 'string' && minimumEventsOf(minimum) === undefined) {
    const message = 'give a whole number from 0 to 1000000000, in quotes';
    findings.push({ path: [...path, ANNOTATION_MINIMUM_EVENTS], value: minimum, message });
  }
  const url = valueAt(annotations, [ANNOTATION_URL]);
  if (typeof url === 'string' && !isWebhookUrl(url)) {
    // Addresses of webhooks are secrets: the value is not shown.
    findings.push({ path: [...path, ANNOTATION_URL], message: 'is no http or https URL (it is not shown): give one' });
  }
  return findings;
}

const OUR_PREFIX = 'throughline.dev/';
const OURS = [ANNOTATION_MINIMUM_EVENTS, ANNOTATION_URL];

function strangersUnderOurName(annotations: unknown, path: Path): Finding[] {
  if (typeof annotations !== 'object' || annotations === null) return [];
  return Object.keys(annotations)
    .filter(key => key.startsWith(OUR_PREFIX) && !OURS.includes(key))
    .map(key => ({ path: [...path, key], message: unknownKey(key, OURS) }));
}

export function minimumEventsOf(text: string): number | undefined {
  return /^(0|[1-9]\d{0,8}|1000000000)$/.test(text) ? Number(text) : undefined;
}

export function isWebhookUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}
