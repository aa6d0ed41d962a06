/** An authority that nobody knows, a server's certificate of it for 127.0.0.1, and a client's. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Certificates {
  /** PEM text. */
  readonly ca: string;
  readonly clientCert: string;
  readonly clientKey: string;
  /** PEM files as a broker reads them: key and chain in one, and the authority. */
  readonly serverFile: string;
  readonly caFile: string;
  remove(): Promise<void>;
}

export async function makeCertificates(): Promise<Certificates> {
  const directory = await mkdtemp(join(tmpdir(), 'throughline-certificates-'));
  const at = (name: string) => join(directory, name);
  const openssl = (...parameters: string[]) => run('openssl', parameters);
  const [ca, caKey] = [at('ca.pem'), at('ca.key')];
  const newKey = ['-newkey', 'rsa:2048', '-nodes'];
  await openssl('req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=test authority', '-keyout', caKey, '-out', ca);
  for (const [name, extension] of [
    ['server', 'subjectAltName=IP:127.0.0.1'],
    ['client', 'extendedKeyUsage=clientAuth'],
  ]) {
    await openssl('req', ...newKey, '-subj', `/CN=${name}`, '-keyout', at(`${name}.key`), '-out', at(`${name}.csr`));
    await writeFile(at(`${name}.ext`), extension);
    await openssl(
      ...['x509', '-req', '-days', '2', '-in', at(`${name}.csr`), '-CA', ca, '-CAkey', caKey, '-CAcreateserial'],
      ...['-extfile', at(`${name}.ext`), '-out', at(`${name}.pem`)],
    );
  }
  const read = (name: string) => readFile(at(name), 'utf8');
  await writeFile(at('server-all.pem'), (await read('server.key')) + (await read('server.pem')));
  return {
    ca: await read('ca.pem'),
    clientCert: await read('client.pem'),
    clientKey: await read('client.key'),
    serverFile: at('server-all.pem'),
    caFile: ca,
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}
