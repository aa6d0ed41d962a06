/** The OpenAPI 3.1 document, from the same schemas that check requests. */
import { z } from 'zod';
import { ErrorAnswer } from '../schemas/index.js';
import { type ApiErrorCode, STATUS } from './errors.js';
import { accessOf, type Route } from './routes.js';

type Json = Record<string, unknown>;

const ERRORS_OF_ALL: readonly ApiErrorCode[] = [
  'API_PARAMETER_INVALID',
  'API_QUESTION_TOO_LARGE',
  'API_STORE_UNAVAILABLE',
  'API_INTERNAL',
];

export function openApiDocument(routes: readonly Route[]): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Throughline',
      version: '1',
      description: 'End-to-end response times of user transactions, and where each was spent.',
    },
    paths,
    components: {
      schemas: { Error: schemaOf(ErrorAnswer, 'output') },
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'Needed once any is configured; its role says for what.',
        },
      },
    },
  };
}

function operationOf(route: Route): Json {
  return {
    operationId: route.operationId,
    summary: route.summary,
    security: securityOf(route),
    parameters: [...parametersOf(route.pathParameters, 'path'), ...parametersOf(route.query, 'query')],
    ...(route.body && {
      requestBody: {
        required: true,
        description: route.body.description,
        content: contentOf(route.body.content, 'input'),
      },
    }),
    responses: responsesOf(route),
  };
}

/** With the role in place of a scope, as OpenAPI 3.1 allows. The empty one: also without, where no token is configured. */
function securityOf(route: Route): Json[] {
  const { role } = accessOf(route);
  return role === null ? [] : [{}, { token: [role] }];
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json;
  return rest;
}

function parametersOf(schema: z.ZodType | undefined, where: 'path' | 'query'): Json[] {
  if (schema === undefined) return [];
  const { properties, required } = schemaOf(schema, 'input') as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties ?? {}).map(([name, { description, ...type }]) => ({
    name,
    in: where,
    required: where === 'path' || (required ?? []).includes(name),
    description,
    schema: type,
  }));
}

function contentOf(content: Readonly<Record<string, z.ZodType>>, io: 'input' | 'output'): Json {
  return Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema: schemaOf(schema, io) }]));
}

function responsesOf(route: Route): Json {
  const answer = (description: string): Json => ({ description, content: contentOf(route.answers, 'output') });
  const responses: Record<string, Json> = { 200: answer('The answer.') };
  const codes = new Map<number, ApiErrorCode[]>();
  const ofAccess: readonly ApiErrorCode[] =
    accessOf(route).role === null ? [] : ['API_UNAUTHENTICATED', 'API_FORBIDDEN'];
  for (const code of [...ERRORS_OF_ALL, ...ofAccess, ...route.errors]) {
    codes.set(STATUS[code], [...(codes.get(STATUS[code]) ?? []), code]);
  }
  for (const [status, names] of codes) {
    responses[status] = {
      description: names.join(', '),
      content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
    };
  }
  for (const status of route.alsoStatus ?? []) responses[status] = answer('Not now; the answer says why.');
  return responses;
}
