import { Metadata } from '@grpc/grpc-js';
import { encodeRetryInfo } from '../otlp/index.js';
import { asBuffer, encodeRefusal } from './answers.js';
import { type IngestError, RpcCode } from './errors.js';

/** How a call ends. */
export interface GrpcStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

/**
 * With a delay it carries RetryInfo twice: in the Status of `grpc-status-details-bin`, which the specification names, and
 * in `google.rpc.retryinfo-bin`, where the Python exporter looks. Without one exporters do not retry (checklist 17, 18).
 */
export function grpcStatusOf(error: IngestError, retryDelaySeconds: number): GrpcStatus {
  const { rpc } = error.verdict;
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', encodeRefusal(rpc, error.message, retryDelaySeconds, 'protobuf'));
  if (retryDelaySeconds > 0) metadata.set('google.rpc.retryinfo-bin', asBuffer(encodeRetryInfo(retryDelaySeconds)));
  return { code: RpcCode[rpc], details: error.message, metadata };
}
