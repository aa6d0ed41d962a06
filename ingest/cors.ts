import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** A browser may ask again after this long. */
const PREFLIGHT_MAX_AGE_SECONDS = 7200;

/** Header names only, so that what is echoed cannot be anything else. */
const HEADER_NAMES = /^[\w!#$%&'*+.^`|~-]+(?:\s*,\s*[\w!#$%&'*+.^`|~-]+)*$/;

/**
 * Lets browser exporters of the configured origins in; without any, no CORS header is ever sent. Credentials are never
 * allowed, so echoing the headers a browser asks for gives nothing away.
 */
export function allowBrowsers(server: FastifyInstance, origins: readonly string[], paths: readonly string[]): void {
  if (origins.length === 0) return;
  const allowed = new Set(origins);
  const everyone = allowed.has('*');

  server.addHook('onRequest', async (request, reply) => {
    reply.header('vary', 'origin');
    const { origin } = request.headers;
    if (origin === undefined || !(everyone || allowed.has(origin))) return;
    reply.header('access-control-allow-origin', origin);
    reply.header('access-control-expose-headers', 'retry-after');
  });
  for (const path of paths) server.options(path, answerPreflight);
}

async function answerPreflight(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  reply.code(204);
  if (reply.hasHeader('access-control-allow-origin')) {
    const asked = request.headers['access-control-request-headers'];
    reply.header('access-control-allow-methods', 'POST');
    reply.header('access-control-max-age', PREFLIGHT_MAX_AGE_SECONDS);
    if (asked !== undefined && HEADER_NAMES.test(asked)) reply.header('access-control-allow-headers', asked);
  }
  return reply.send();
}
