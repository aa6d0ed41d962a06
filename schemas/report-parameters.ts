/** Parameters of the routes of reports. */
import { z } from 'zod';
import { INSTANT_FORMS, parseInstant } from './api-time.js';

const FORMATS = ['json', 'html', 'md', 'csv'] as const;
const MAX_SLOS = 1_000;
const NAME = /^[\w.-]{1,253}$/;

const format = z
  .enum(FORMATS, { error: `give one of ${FORMATS.join(', ')}` })
  .optional()
  .describe('Default json.');

const instant = (description: string) =>
  z
    .string({ error: `give one value: ${INSTANT_FORMS}` })
    .transform((text, context) => {
      const ns = parseInstant(text);
      if (ns !== undefined) return ns;
      context.addIssue({ code: 'custom', message: `give ${INSTANT_FORMS}` });
      return z.NEVER;
    })
    .optional()
    .describe(description);

export const NewReportParameters = z.strictObject({
  from: instant('Start of the window (inclusive), with `to`. Without both: the last whole calendar month, UTC.'),
  to: instant('End of the window (exclusive). Seconds of both are dropped.'),
  slo: z
    .string({ error: 'give names, comma separated, once' })
    .transform((text, context) => {
      const names = text.split(',').map(name => name.trim());
      if (names.length <= MAX_SLOS && names.every(name => NAME.test(name))) return names;
      context.addIssue({ code: 'custom', message: `give up to ${MAX_SLOS} names of SLOs, comma separated` });
      return z.NEVER;
    })
    .optional()
    .describe('Names of SLOs, comma separated. Default: all.'),
  format,
});
export type NewReportParameters = z.output<typeof NewReportParameters>;

export const ReportPath = z.strictObject({ id: z.string().describe('`id` of a report.') });

export const ReportParameters = z.strictObject({ format });
