/** Parameters of the routes of reports. */
import { z } from 'zod';
import { instantParameter, parsed } from './parameter-values.js';

const FORMATS = ['json', 'html', 'md', 'csv'] as const;
const MAX_SLOS = 1_000;
const NAME = /^[\w.-]{1,253}$/;

const format = z
  .enum(FORMATS, { error: `give one of ${FORMATS.join(', ')}` })
  .optional()
  .describe('Default json.');

export const NewReportParameters = z.strictObject({
  from: instantParameter('Start of the window (inclusive), with `to`; without both it is the last whole month, UTC'),
  to: instantParameter('End of the window (exclusive); seconds of both are dropped'),
  slo: parsed(`up to ${MAX_SLOS} names of SLOs, comma separated`, text => {
    const names = text.split(',').map(name => name.trim());
    return names.length <= MAX_SLOS && names.every(name => NAME.test(name)) ? names : undefined;
  })
    .optional()
    .describe('Names of SLOs, comma separated. Default: all.'),
  format,
});
export type NewReportParameters = z.output<typeof NewReportParameters>;

export const ReportPath = z.strictObject({ id: z.string().describe('`id` of a report.') });

export const ReportParameters = z.strictObject({ format });
