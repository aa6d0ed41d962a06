/** Settings of who may come in: certificates and tokens, of the receivers and of the API. */
import { z } from 'zod';
import { choice, integer, size, text, words } from './config-values.js';

const path = () => text('a path', /./);

export const TlsSettings = z.strictObject({
  certFile: path().describe('PEM file of the certificate'),
  keyFile: path().describe('PEM file of its key'),
  clientCaFile: path().optional().describe('PEM file: clients must show a certificate signed by it'),
});

const sha256 = () =>
  z
    .string()
    .regex(/^(sha256:)?[0-9a-f]{64}$/i, 'give the SHA-256 of the token, 64 hexadecimal digits')
    .optional();
const tenantName = () => z.string().regex(/^[\w.-]{1,64}$/, 'give a name of letters, digits, dots and dashes');
const isOneOfBoth = (entry: { token?: string | undefined; sha256?: string | undefined }) =>
  (entry.token === undefined) !== (entry.sha256 === undefined);
const EITHER = { message: 'give either token or sha256' };

export const IngestToken = z
  .strictObject({
    token: words().optional(),
    sha256: sha256(),
    tenant: tenantName(),
    tier: z.string().min(1).max(64, 'give a name of at most 64 characters').optional(),
    maxSpansPerSecond: integer(1, 1_000_000_000).optional(),
    maxBytesPerSecond: size(1024).optional(),
  })
  .refine(isOneOfBoth, EITHER);

export const ApiToken = z
  .strictObject({
    token: words().optional(),
    sha256: sha256(),
    role: choice('read', 'sql', 'admin'),
    tenant: tenantName().optional(),
  })
  .refine(isOneOfBoth, EITHER);
