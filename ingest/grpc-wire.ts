/**
 * What grpc-js does not offer: to see a message's bytes as they arrive, and before they are inflated. It inflates every
 * message by itself, up to its own limit, so a few kilobytes from each of many calls would become gigabytes that no pool
 * has counted (checklist 27). So this one file reaches behind its types, into two fields of the call that it hands to
 * interceptors. A version without them still delivers; but then a message is counted only once it is inflated, and what
 * grpc-js itself refuses gets its statuses instead of ours (checklist 19): the tests fail.
 */

import type { ServerHttp2Stream } from 'node:http2';
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';

/** The fields as `BaseServerInterceptingCall` has them (server-interceptors.ts of grpc-js 1.14). */
interface Inside {
  readonly stream: ServerHttp2Stream;
  incomingEncoding: string;
}

export interface Wire {
  /** The call's message frames: a flag, four bytes of length, the message. */
  readonly stream: ServerHttp2Stream;
  /** What `grpc-encoding` says; it holds for messages that have the flag. */
  readonly encoding: string;
}

/** From here on grpc-js hands over messages as they came. Undefined where it cannot be made to. */
export function takeWire(call: ServerInterceptingCallInterface): Wire | undefined {
  if (!isInside(call)) return undefined;
  const wire = { stream: call.stream, encoding: call.incomingEncoding };
  call.incomingEncoding = 'identity';
  return wire;
}

function isInside(call: object): call is Inside {
  return 'stream' in call && 'incomingEncoding' in call && typeof call.incomingEncoding === 'string';
}
