import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { IngestError } from './errors.js';
import type { IngestTls } from './options.js';

export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly clientCa: Buffer | undefined;
}

/** Undefined where there is to be no TLS. Rejects with INGEST_TLS_UNREADABLE; `setting` names the files in the message. */
export async function readTls(tls: IngestTls | undefined, setting: string): Promise<TlsMaterial | undefined> {
  if (tls === undefined) return undefined;
  const { clientCaFile } = tls;
  const material = {
    cert: await readPem(tls.certFile, `${setting}.certFile`),
    key: await readPem(tls.keyFile, `${setting}.keyFile`),
    clientCa: clientCaFile === undefined ? undefined : await readPem(clientCaFile, `${setting}.clientCaFile`),
  };
  try {
    createSecureContext({ cert: material.cert, key: material.key, ca: material.clientCa });
  } catch (cause) {
    throw unreadable(`${setting}: the files are no certificate with its key`, cause);
  }
  return material;
}

async function readPem(file: string, setting: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw unreadable(`${setting}: ${file} cannot be read`, cause);
  }
}

function unreadable(what: string, cause: unknown): IngestError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new IngestError('INGEST_TLS_UNREADABLE', `${what} (${reason})`, cause);
}
