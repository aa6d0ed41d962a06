/** Parameters of the routes of SLOs. */
import { z } from 'zod';
import { DIMENSIONS } from './api-parameters.js';
import { DURATION_FORMS, NS_PER_MINUTE, parseDuration } from './api-time.js';
import { instantParameter, limitParameter, parsed } from './parameter-values.js';

const NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const MAX_TEXT = 512;

export const SloPath = z.strictObject({
  name: parsed('the name of an SLO: up to 63 lower-case letters, digits and dashes', text =>
    NAME.test(text) ? text : undefined,
  ).describe('`metadata.name` of the SLO.'),
});

export const SloStatusParameters = z.strictObject({
  at: instantParameter('When it stood so, default now; seconds are dropped'),
});
export type SloStatusParameters = z.output<typeof SloStatusParameters>;

export const SloBudgetParameters = z.strictObject({
  from: instantParameter('Start of the budget, default the start of the window that `to` is in'),
  to: instantParameter('End of the series, default now'),
  step: parsed(`${DURATION_FORMS}, in whole minutes`, text => {
    const ns = parseDuration(text);
    return ns !== undefined && ns > 0n && ns % NS_PER_MINUTE === 0n ? Number(ns / NS_PER_MINUTE) : undefined;
  })
    .optional()
    .describe('Length of a step, whole minutes. By default so that there are up to 200 of them.'),
});
export type SloBudgetParameters = z.output<typeof SloBudgetParameters>;

const groupValue = (dimension: string) =>
  parsed(`a text of up to ${MAX_TEXT} characters`, text => (text.length <= MAX_TEXT ? text : undefined))
    .optional()
    .describe(`Of one group only: its ${dimension}. To be given for each of the SLO's groupBy, or for none.`);

const GROUP = Object.fromEntries(DIMENSIONS.map(dimension => [dimension, groupValue(dimension)])) as Record<
  (typeof DIMENSIONS)[number],
  ReturnType<typeof groupValue>
>;

export const SloBlameParameters = z.strictObject({
  from: instantParameter('Start of the window (inclusive), default the start of the window that `to` is in'),
  to: instantParameter('End of the window (exclusive), default now'),
  objective: parsed('the index of an objective, from 0', text => (/^\d{1,3}$/.test(text) ? Number(text) : undefined))
    .optional()
    .describe('Index of the objective whose bad events are meant. Default 0.'),
  ...GROUP,
});
export type SloBlameParameters = z.output<typeof SloBlameParameters>;

export const RESTATEMENTS = 100;
export const SloRestatementsParameters = z.strictObject({
  from: instantParameter('Restated minutes from there on (inclusive), default all'),
  to: instantParameter('Restated minutes up to there (exclusive), default all'),
  limit: limitParameter(1_000, RESTATEMENTS, 'Restatements, the latest first'),
});
export type SloRestatementsParameters = z.output<typeof SloRestatementsParameters>;
