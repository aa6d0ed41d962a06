/** What parameters of the HTTP API are made of: text of the URL → values. */
import { z } from 'zod';
import { INSTANT_FORMS, parseInstant } from './api-time.js';

/** Text that `parse` turns into a value; `undefined` from it means the text is none of `valid`. */
export function parsed<Value>(valid: string, parse: (text: string) => Value | undefined) {
  return z.string({ error: `give one value: ${valid}` }).transform((text, context) => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: `give ${valid}` });
    return z.NEVER;
  });
}

const MAX_TEXT = 512;
export const textParameter = (description: string) =>
  parsed(`a text of 1 to ${MAX_TEXT} characters`, value =>
    value.length > 0 && value.length <= MAX_TEXT ? value : undefined,
  )
    .optional()
    .describe(description);

/** Epoch nanoseconds. */
export const instantParameter = (description: string) =>
  parsed(INSTANT_FORMS, parseInstant).optional().describe(`${description}: ${INSTANT_FORMS}.`);

export const limitParameter = (most: number, standard: number, of: string) =>
  parsed(`a whole number from 1 to ${most}`, value => {
    const limit = /^\d{1,6}$/.test(value) ? Number(value) : 0;
    return limit >= 1 && limit <= most ? limit : undefined;
  })
    .optional()
    .describe(`${of}, 1 to ${most}. Default ${standard}.`);
