import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { credentials } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { IngestError, type IngestErrorCode } from '../../ingest/index.js';
import { GrpcClient } from './support/grpc-client.js';
import { decodeMessage, protobufRequest, someSpans } from './support/otlp-messages.js';
import { openSession, RawGrpcCall } from './support/raw-grpc.js';
import { RawConnection, requestHead } from './support/raw-http.js';
import { Receivers, type ReceiversSettings } from './support/receivers.js';

const UNAUTHENTICATED = 16;
const FILES = 'test/ingest/support/certificates';
const body = protobufRequest(someSpans(2));

function pem(name: string): string {
  return join(FILES, `${name}.pem`);
}

describe('26: bearer tokens', () => {
  let receivers: Receivers;
  let grpc: GrpcClient;

  beforeAll(async () => {
    const sha256 = createHash('sha256').update('app-secret').digest('hex').toUpperCase();
    const tokens = [
      { token: 'edge-secret', tenant: 'bank', tier: 'edge' },
      { sha256, tenant: 'shop' },
      { token: `sha256:${createHash('sha256').update('data-secret').digest('hex')}`, tenant: 'bank', tier: 'data' },
      { sha256: `sha256:${createHash('sha256').update('queue-secret').digest('hex')}`, tenant: 'bank', tier: 'queue' },
    ];
    receivers = await Receivers.start({ auth: { tokens } });
    grpc = new GrpcClient(receivers.grpcAddress);
  });

  afterAll(async () => {
    grpc?.close();
    await receivers?.close();
  });

  test.each([
    ['edge-secret', 'bank', 'edge'],
    ['app-secret', 'shop', undefined],
    ['data-secret', 'bank', 'data'],
    ['queue-secret', 'bank', 'queue'],
  ])('%s belongs to the tenant %s and the tier %s, over both transports', async (token, tenant, tier) => {
    const authorization = `Bearer ${token}`;
    expect((await receivers.post(body, { authorization })).status).toBe(200);
    expect((await grpc.export(body, { authorization: `bearer ${token}` })).code).toBe(0);
    const records = await receivers.newRecords();
    expect(records.reduce((sum, { itemCount }) => sum + itemCount, 0)).toBe(4);
    for (const record of records) expect([record.tenant, record.tier]).toEqual([tenant, tier]);
  });

  test('spans are counted by tenant and tier', async () => {
    const labels = { tenant: 'bank', tier: 'edge' };
    const before = await receivers.metric('throughline_ingest_sender_spans_total', labels);
    await receivers.post(body, { authorization: 'Bearer edge-secret' });
    expect(await receivers.metric('throughline_ingest_sender_spans_total', labels)).toBe(before + 2);
    await receivers.newRecords();
  });

  test.each([
    ['none', undefined],
    ['unknown', 'Bearer edge-secreT'],
    ['a beginning of one', 'Bearer edge'],
    ['of another scheme', 'Basic ZWRnZS1zZWNyZXQ='],
    ['empty', 'Bearer '],
    ['the digest itself', `Bearer ${createHash('sha256').update('app-secret').digest('hex')}`],
    ['two in one header', 'Bearer edge-secret app-secret'],
    [
      'the hash as it stands in the config',
      `Bearer sha256:${createHash('sha256').update('data-secret').digest('hex')}`,
    ],
  ])('%s: 401 and UNAUTHENTICATED, nothing taken', async (_what, authorization) => {
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
    const response = await receivers.post(body, headers);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    expect(decodeMessage('Status', Buffer.from(await response.arrayBuffer()))).toMatchObject({ code: UNAUTHENTICATED });
    const { code, trailers } = await grpc.export(body, headers);
    expect(code).toBe(UNAUTHENTICATED);
    expect(trailers.get('google.rpc.retryinfo-bin')).toEqual([]);
    expect(await receivers.newRecords()).toEqual([]);
  });

  test('it is checked before the body is read: HTTP answers while the body is still to come', async () => {
    const connection = await RawConnection.open(receivers.ingest.httpPort);
    connection.write(requestHead({ 'content-length': '1000000', 'content-encoding': 'gzip' }));
    expect((await connection.answer())?.status).toBe(401);
    connection.destroy();
  });

  test('it is checked before the body is read: gRPC answers while the message is still to come', async () => {
    const session = openSession(receivers.ingest.grpcPort);
    const call = new RawGrpcCall(session, { 'grpc-encoding': 'gzip' });
    expect((await call.answer()).trailers['grpc-status']).toBe(String(UNAUTHENTICATED));
    session.destroy();
  });

  test('it is checked before the body is inflated or decoded: garbage is 401 too', async () => {
    const bytes = await receivers.metric('throughline_ingest_bytes_total');
    expect((await receivers.post('garbage', { 'content-encoding': 'gzip' })).status).toBe(401);
    expect((await receivers.post(gzipSync(Buffer.alloc(32 << 20)), { 'content-encoding': 'gzip' })).status).toBe(401);
    expect((await grpc.export(Buffer.from('garbage'))).code).toBe(UNAUTHENTICATED);
    expect(await receivers.metric('throughline_ingest_bytes_total')).toBe(bytes);
  });

  test('without tokens everything belongs to the tenant default, whatever is presented', async () => {
    const open = await Receivers.start();
    await open.post(body, { authorization: 'Bearer whatever' });
    expect(new Set((await open.newRecords()).map(record => record.tenant))).toEqual(new Set(['default']));
    await open.close();
  });
});

describe('26: TLS and mutual TLS from files', () => {
  const tls = { certFile: pem('server.cert'), keyFile: pem('server.key') };
  const mutual = { ...tls, clientCaFile: pem('authority.cert') };
  const ca = readFileSync(pem('authority.cert'));
  let receivers: Receivers | undefined;

  afterEach(() => receivers?.close());

  function post(client: string | undefined): Promise<number> {
    const identity = client === undefined ? {} : clientFiles(client);
    return new Promise((resolve, reject) => {
      const port = receivers?.ingest.httpPort;
      const headers = { 'content-type': 'application/x-protobuf', connection: 'close' };
      const options = { host: '127.0.0.1', port, path: '/v1/traces', method: 'POST', headers, ca, ...identity };
      request(options, response => resolve(response.resume().statusCode ?? 0))
        .on('error', reject)
        .end(body);
    });
  }

  async function exportOverGrpc(client: string | undefined): Promise<number> {
    const { key, cert } = client === undefined ? {} : clientFiles(client);
    const channel = credentials.createSsl(ca, key ?? null, cert ?? null);
    const grpc = new GrpcClient(receivers?.grpcAddress ?? '', {}, channel);
    const { code } = await grpc.export(body);
    grpc.close();
    return code;
  }

  function clientFiles(client: string): { key?: Buffer; cert?: Buffer } {
    return { key: readFileSync(pem(`${client}.key`)), cert: readFileSync(pem(`${client}.cert`)) };
  }

  test('with TLS both transports deliver, and plain text is not understood', async () => {
    receivers = await Receivers.start({ http: { tls }, grpc: { tls } });
    expect(await post(undefined)).toBe(200);
    expect(await exportOverGrpc(undefined)).toBe(0);
    expect(await receivers.newSpanNames()).toHaveLength(4);
    await expect(receivers.post(body)).rejects.toThrow();
    const plain = new GrpcClient(receivers.grpcAddress);
    expect((await plain.export(body)).code).toBe(14);
    plain.close();
    expect(await receivers.newRecords()).toEqual([]);
  });

  test('with mutual TLS a client must present a certificate of the authority', async () => {
    receivers = await Receivers.start({ http: { tls: mutual }, grpc: { tls: mutual } });
    expect(await post('client')).toBe(200);
    expect(await exportOverGrpc('client')).toBe(0);
    expect(await receivers.newSpanNames()).toHaveLength(4);
    for (const client of [undefined, 'stranger']) {
      await expect(post(client)).rejects.toThrow();
      expect(await exportOverGrpc(client)).toBe(14);
    }
    expect(await receivers.newRecords()).toEqual([]);
  });
});

describe('what cannot be started says which setting is wrong', () => {
  const missing = { certFile: pem('server.cert'), keyFile: pem('nowhere') };
  const wrong = { certFile: pem('server.cert'), keyFile: pem('client.key') };
  const digest = 'a'.repeat(63);

  test.each<[string, ReceiversSettings, IngestErrorCode, RegExp]>([
    ['a missing file', { http: { tls: missing } }, 'INGEST_TLS_UNREADABLE', /ingest\.http\.tls\.keyFile: .*nowhere/],
    ['a foreign key', { grpc: { tls: wrong } }, 'INGEST_TLS_UNREADABLE', /ingest\.grpc\.tls: /],
    ['no token', { auth: { tokens: [{ tenant: 'a' }] } }, 'INGEST_TOKEN_INVALID', /ingest\.auth\.tokens\[0\]/],
    ['an empty token', { auth: { tokens: [{ tenant: 'a', token: '' }] } }, 'INGEST_TOKEN_INVALID', /token must not/],
    ['a short digest', { auth: { tokens: [{ tenant: 'a', sha256: digest }] } }, 'INGEST_TOKEN_INVALID', /sha256/],
  ])('%s', async (_what, settings, code, message) => {
    const error = await Receivers.start(settings).catch(thrown => thrown);
    expect(error).toBeInstanceOf(IngestError);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  test.each(['http', 'grpc'] as const)('a port of %s that is taken', async transport => {
    const squatter = createServer();
    await new Promise<void>(resolve => squatter.listen(0, '127.0.0.1', resolve));
    const { port } = squatter.address() as { port: number };
    const error = await Receivers.start({ [transport]: { port } }).catch(thrown => thrown);
    expect(error.code).toBe('INGEST_BIND_FAILED');
    expect(error.message).toMatch(`ingest.${transport}.port: cannot listen on 127.0.0.1:${port}`);
    await new Promise(resolve => squatter.close(resolve));
  });
});
