/** Splitting a request as one would on paper: write the record anew for every span that might still go into it. */
import { partitionOf } from '../../otlp/index.js';
import { concat, field, text } from './message-bytes.js';

export interface NaiveSpan {
  /** The whole field. */
  readonly span: Uint8Array;
  /** Undefined: one that the scan rejects. */
  readonly traceId: Uint8Array | undefined;
}

export interface NaiveScope {
  readonly name: number;
  /** Spans, and other fields of the message as bytes. */
  readonly parts: readonly (NaiveSpan | Uint8Array)[];
}

export interface NaiveResource {
  readonly name: number;
  readonly byteCount: number;
  readonly parts: readonly (NaiveScope | Uint8Array)[];
}

export class NaiveRequest {
  readonly body: Uint8Array;
  private readonly parts: readonly (NaiveResource | Uint8Array)[];

  constructor(parts: readonly (NaiveResource | Uint8Array)[]) {
    // Objects are told apart below, and a generator may give one twice.
    this.parts = parts.map(ofResource => {
      if (ofResource instanceof Uint8Array) return ofResource;
      const scopes = ofResource.parts.map(ofScope => {
        if (ofScope instanceof Uint8Array) return ofScope;
        return { ...ofScope, parts: ofScope.parts.map(one => (one instanceof Uint8Array ? one : { ...one })) };
      });
      return { ...ofResource, parts: scopes };
    });
    this.body = this.write(() => true, true);
  }

  /** In order, without the rejected ones. */
  get spans(): readonly NaiveSpan[] {
    return this.parts
      .flatMap(part => (part instanceof Uint8Array ? [] : part.parts))
      .flatMap(part => (part instanceof Uint8Array ? [] : part.parts))
      .filter((part): part is NaiveSpan => !(part instanceof Uint8Array) && part.traceId !== undefined);
  }

  /** The request with some of its spans, and without what has none of them (unless `evenEmpty`). */
  write(isIn: (span: NaiveSpan) => boolean, evenEmpty = false): Uint8Array {
    const scope = ({ name, parts }: NaiveScope): Uint8Array => {
      const kept = parts.filter(part => part instanceof Uint8Array || isIn(part));
      if (!evenEmpty && kept.every(part => part instanceof Uint8Array)) return new Uint8Array(0);
      const fields = kept.map(part => (part instanceof Uint8Array ? part : part.span));
      return field(2, field(1, field(1, text(`scope ${name}`))), ...fields);
    };
    const resource = ({ name, byteCount, parts }: NaiveResource): Uint8Array => {
      const scopes = parts.map(part => (part instanceof Uint8Array ? new Uint8Array(0) : scope(part)));
      if (!evenEmpty && scopes.every(bytes => bytes.length === 0)) return new Uint8Array(0);
      const fields = parts.map((part, index) => (part instanceof Uint8Array ? part : scopes[index]));
      const attribute = field(1, field(1, text('service.name')), field(2, field(1, text(`service ${name}`))));
      return field(1, field(1, attribute, field(1000, new Uint8Array(byteCount))), ...fields);
    };
    return concat(...this.parts.map(part => (part instanceof Uint8Array ? part : resource(part))));
  }
}

export interface NaiveRecord {
  readonly partition: number;
  readonly itemCount: number;
  readonly payload: Uint8Array;
}

export function naiveSplit(
  request: NaiveRequest,
  partitionCount: number,
  maxRecordBytes: number,
): { readonly records: readonly NaiveRecord[]; readonly tooLarge: number } {
  const { spans, body } = request;
  const write = (members: readonly NaiveSpan[]): Uint8Array => request.write(one => members.includes(one));
  const records: NaiveRecord[] = [];
  let tooLarge = 0;
  for (let partition = 0; partition < partitionCount; partition++) {
    let members: NaiveSpan[] = [];
    const end = (): void => {
      if (members.length > 0) records.push({ partition, itemCount: members.length, payload: write(members) });
      members = [];
    };
    for (const span of spans.filter(one => partitionOf(one.traceId!, partitionCount) === partition)) {
      if (members.length > 0 && write([...members, span]).length <= maxRecordBytes) members.push(span);
      else if (write([span]).length > maxRecordBytes) tooLarge++;
      else {
        end();
        members = [span];
      }
    }
    end();
  }
  const isWhole = records.length === 1 && tooLarge === 0 && !hasRejected(request) && body.length <= maxRecordBytes;
  return { records: isWhole ? [{ ...records[0], payload: body }] : records, tooLarge };
}

function hasRejected(request: NaiveRequest): boolean {
  let found = false;
  request.write(one => {
    if (one.traceId === undefined) found = true;
    return true;
  });
  return found;
}
