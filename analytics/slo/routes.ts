/** The routes of SLOs. */

import { z } from 'zod';
import {
  NoParameters,
  SloBlameAnswer,
  SloBlameParameters,
  SloBudgetAnswer,
  SloBudgetParameters,
  type SloDefinition,
  SloDeleteAnswer,
  SloDocumentAnswer,
  SloPath,
  SloPutAnswer,
  SloRestatementsAnswer,
  SloRestatementsParameters,
  SloStatusAnswer,
  SloStatusParameters,
  SlosAnswer,
} from '../../schemas/index.js';
import { ApiError } from '../errors.js';
import { type Route, route } from '../routes.js';
import type { Parts } from '../settings.js';
import { answerBlame } from './blame.js';
import { answerBudget } from './budget-answer.js';
import type { SloDocuments } from './documents.js';
import { sloInForce } from './in-force.js';
import { windowAt } from './math/index.js';
import { answerRestatements } from './restatements-answer.js';
import { readSloProgress } from './slo-freshness.js';
import { answerStatus } from './status-answer.js';
import { MINUTE_MS, minuteOf, msOf } from './times.js';

const JSON_TYPE = 'application/json';
const MAX_DOCUMENT_BYTES = 64 * 1024;
const PATH = '/api/v1/slos/{name}';

export function sloRoutes(parts: Parts, documents: SloDocuments): Route[] {
  return [...documentRoutes(documents), ...answerRoutes(parts)];
}

function documentRoutes(documents: SloDocuments): Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/slos',
      operationId: 'slos',
      summary: 'All SLOs, those that are not counted with the reason.',
      query: NoParameters,
      answers: { [JSON_TYPE]: SlosAnswer },
      errors: [],
      handle: async () => ({ body: { slos: await documents.list() } satisfies SlosAnswer }),
    }),
    route({
      method: 'GET',
      path: PATH,
      operationId: 'slo',
      summary: 'The document of an SLO (OpenSLO v1), secrets of URLs hidden.',
      query: NoParameters,
      pathParameters: SloPath,
      answers: { [JSON_TYPE]: SloDocumentAnswer },
      errors: ['API_NOT_FOUND'],
      handle: async ({ path }) => ({ body: await documents.get(path.name) }),
    }),
    route({
      method: 'PUT',
      path: PATH,
      operationId: 'putSlo',
      summary: 'Creates or changes an SLO; documents that it refers to may come with it.',
      query: NoParameters,
      pathParameters: SloPath,
      body: {
        description: 'OpenSLO v1 documents, YAML or JSON, at most 64 KiB: one SLO, and what it refers to.',
        content: { 'application/yaml': z.string(), [JSON_TYPE]: SloDocumentAnswer },
        maxBytes: MAX_DOCUMENT_BYTES,
      },
      answers: { [JSON_TYPE]: SloPutAnswer },
      errors: ['API_BODY_INVALID', 'API_BODY_TOO_LARGE'],
      handle: async ({ path, body }) => {
        const { summary, warnings } = await documents.put(path.name, body);
        return { body: { ...summary, warnings: [...warnings] } satisfies SloPutAnswer };
      },
    }),
    route({
      method: 'DELETE',
      path: PATH,
      operationId: 'deleteSlo',
      summary: 'Deletes an SLO; what it referred to stays.',
      query: NoParameters,
      pathParameters: SloPath,
      answers: { [JSON_TYPE]: SloDeleteAnswer },
      errors: ['API_NOT_FOUND', 'API_REQUEST_INVALID'],
      handle: async ({ path: { name } }) => {
        await documents.delete(name);
        return { body: { name, deleted: true } satisfies SloDeleteAnswer };
      },
    }),
  ];
}

function answerRoutes(parts: Parts): Route[] {
  return [
    route({
      method: 'GET',
      path: `${PATH}/status`,
      operationId: 'sloStatus',
      summary: 'Where an SLO stands: its SLI, its budget and its burn rates, all together and per group.',
      query: SloStatusParameters,
      pathParameters: SloPath,
      answers: { [JSON_TYPE]: SloStatusAnswer },
      errors: ['API_NOT_FOUND', 'API_TOO_MANY_GROUPS', 'API_LOG_UNAVAILABLE'],
      handle: async ({ path, query }) => {
        const atMs = instantMs(parts, query.at);
        // Progress before counts: so what is settled is in the answer.
        const [progress, slo] = await Promise.all([readSloProgress(parts), sloInForce(parts, path.name, atMs)]);
        return { body: await answerStatus(parts, slo, atMs, progress) };
      },
    }),
    route({
      method: 'GET',
      path: `${PATH}/budget`,
      operationId: 'sloBudget',
      summary: 'How the error budget was spent, step by step.',
      query: SloBudgetParameters,
      pathParameters: SloPath,
      answers: { [JSON_TYPE]: SloBudgetAnswer },
      errors: ['API_NOT_FOUND', 'API_TOO_MANY_GROUPS'],
      handle: async ({ path, query }) => {
        const atMs = instantMs(parts, query.to);
        return { body: await answerBudget(parts, await sloInForce(parts, path.name, atMs), { ...query, atMs }) };
      },
    }),
    route({
      method: 'GET',
      path: `${PATH}/blame`,
      operationId: 'sloBlame',
      summary: 'Who spent the error budget: the bad events by service or link.',
      query: SloBlameParameters,
      pathParameters: SloPath,
      answers: { [JSON_TYPE]: SloBlameAnswer },
      errors: ['API_NOT_FOUND', 'API_TOO_MANY_GROUPS'],
      handle: async ({ path, query }) => ({ body: await blame(parts, path.name, query) }),
    }),
    route({
      method: 'GET',
      path: `${PATH}/restatements`,
      operationId: 'sloRestatements',
      summary: 'What late spans changed of what had been counted.',
      query: SloRestatementsParameters,
      pathParameters: SloPath,
      answers: { [JSON_TYPE]: SloRestatementsAnswer },
      errors: ['API_NOT_FOUND'],
      handle: async ({ path, query }) => {
        await sloInForce(parts, path.name, parts.clock());
        return { body: await answerRestatements(parts, path.name, query) };
      },
    }),
  ];
}

async function blame(parts: Parts, name: string, query: SloBlameParameters): Promise<SloBlameAnswer> {
  const { from, to, objective = 0, ...given } = query;
  const toMs = instantMs(parts, to);
  const { spec } = await sloInForce(parts, name, toMs);
  if (objective >= spec.objectives.length) {
    refuse(`objective=${objective}: ${name} has ${spec.objectives.length}, counted from 0`);
  }
  const fromMs = from === undefined ? windowAt(spec.window, minuteOf(toMs)).fromMinute * MINUTE_MS : msOf(from);
  if (fromMs >= toMs) refuse('from must be before to');
  return answerBlame(parts, spec, objective, { fromMs, toMs, group: groupOf(spec, given) });
}

/** In the order of groupBy. */
function groupOf(
  { groupBy }: Pick<SloDefinition, 'groupBy'>,
  given: Readonly<Record<string, string | undefined>>,
): Record<string, string> | undefined {
  const names = Object.keys(given).filter(name => given[name] !== undefined);
  if (names.length === 0) return undefined;
  if (names.length !== groupBy.length || !groupBy.every(dimension => names.includes(dimension))) {
    const valid = groupBy.length === 0 ? 'it has no groups' : `give ${groupBy.join(' and ')}, or none of them`;
    refuse(`${names.join(', ')}: not what the SLO is grouped by; ${valid}`);
  }
  return Object.fromEntries(groupBy.map(dimension => [dimension, given[dimension] ?? '']));
}

function instantMs({ clock }: Pick<Parts, 'clock'>, ns: bigint | undefined): number {
  return ns === undefined ? clock() : msOf(ns);
}

function refuse(message: string): never {
  throw new ApiError('API_PARAMETER_INVALID', message);
}
