/** OTLP exporters at their plainest: ready-made bodies, a few connections, again after 429, 503 and UNAVAILABLE. */

import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';

export interface Sender {
  /** Whether the receiver took it; false if it asks to come again later. */
  send(body: Uint8Array): Promise<boolean>;
  close(): void;
}

const CONNECTIONS = 8;
const PAUSE_MS = 50;
const TRACE_EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

/** Sends all bodies, `CONNECTIONS` at a time. */
export async function sendAll(sender: Sender, bodies: readonly Uint8Array[]): Promise<void> {
  let next = 0;
  const connection = async () => {
    for (let at = next++; at < bodies.length; at = next++) {
      while (!(await sender.send(bodies[at]))) await sleep(PAUSE_MS);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, connection));
}

export function httpSender(port: number, connections = CONNECTIONS): Sender {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const send = (body: Uint8Array) =>
    new Promise<boolean>((resolve, reject) => {
      const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length };
      const call = request(
        { agent, port, host: '127.0.0.1', path: '/v1/traces', method: 'POST', headers },
        response => {
          response.resume().once('end', () => {
            if (response.statusCode === 200) resolve(true);
            else if (response.statusCode === 429 || response.statusCode === 503) resolve(false);
            else reject(new Error(`refused with ${response.statusCode}`));
          });
        },
      );
      call.once('error', reject).end(body);
    });
  return { send, close: () => agent.destroy() };
}

export function grpcSender(port: number): Sender {
  const clients = Array.from({ length: CONNECTIONS }, () => {
    return new Client(`127.0.0.1:${port}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  });
  let turn = 0;
  const asIs = (bytes: Buffer) => bytes;
  const send = (body: Uint8Array) =>
    new Promise<boolean>((resolve, reject) => {
      const client = clients[turn++ % clients.length];
      client.makeUnaryRequest(TRACE_EXPORT, asIs, asIs, Buffer.from(body), new Metadata(), error => {
        if (error === null) resolve(true);
        else if (error.code === status.UNAVAILABLE || error.code === status.RESOURCE_EXHAUSTED) resolve(false);
        else reject(error);
      });
    });
  const close = () => {
    for (const client of clients) client.close();
  };
  return { send, close };
}
