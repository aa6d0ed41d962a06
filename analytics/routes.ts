/** What a route is: enough to serve it, to check its parameters and to describe it in the OpenAPI document. */
import type { z } from 'zod';
import type { Access, Role } from './access.js';
import type { ApiErrorCode } from './errors.js';

export interface RouteInput<Query, Path> {
  readonly query: Query;
  readonly path: Path;
  /** The body as it came; '' without one. */
  readonly body: string;
  /** The media type of the body, without parameters, in lower case. */
  readonly contentType: string;
}

/** Sent as it is; an object is sent as JSON. */
export interface RouteAnswer {
  readonly status?: number;
  readonly contentType?: string;
  readonly body: object | string | Uint8Array;
}

export interface BodyDescription {
  readonly description: string;
  /** By media type. */
  readonly content: Readonly<Record<string, z.ZodType>>;
  /** Default: that of the server. */
  readonly maxBytes?: number;
}

export interface RouteDefinition<Query, Path> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With path parameters as OpenAPI writes them: `{trace_id}`. */
  readonly path: string;
  /** A name for generated clients. */
  readonly operationId: string;
  readonly summary: string;
  /** Least role of a token; null: none is needed. Default: `read` for a GET, `admin` for what changes anything. */
  readonly role?: Role | null;
  /** Whether the answer is about all tenants together: not for a token of one of them. */
  readonly isOfAllTenants?: boolean;
  readonly query: z.ZodType<Query>;
  readonly pathParameters?: z.ZodType<Path>;
  readonly body?: BodyDescription;
  /** By media type; what is sent with status 200 (and others that have the same shape). */
  readonly answers: Readonly<Record<string, z.ZodType>>;
  /** Statuses other than 200 with the shape of `answers`. */
  readonly alsoStatus?: readonly number[];
  /** Besides those every route may give. */
  readonly errors: readonly ApiErrorCode[];
  handle(input: RouteInput<Query, Path>): Promise<RouteAnswer>;
}

/** A route whose types of parameters are known to itself alone. */
export type Route = RouteDefinition<unknown, unknown>;

/** What a route asks of its caller. */
export function accessOf({ method, role, isOfAllTenants = false }: Route): Access {
  return { role: role === undefined ? (method === 'GET' ? 'read' : 'admin') : role, isOfAllTenants };
}

/** Forgets the types: whoever calls `handle` passes what the route's own schemas yielded. */
export function route<Query, Path = unknown>(definition: RouteDefinition<Query, Path>): Route {
  return definition as Route;
}
