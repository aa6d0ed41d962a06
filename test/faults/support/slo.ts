/** The SLO that every fault is judged by: every transaction, fast enough and without an error, by place. */
import { parseSloDocuments, resolveSloDocuments, type SloDefinition, SloStatusAnswer } from '../../../schemas/index.js';
import type { ApiClient } from '../../support/api-client.js';

export const SLO_NAME = 'transactions';

const TEXT = `
apiVersion: openslo/v1
kind: SLO
metadata: { name: ${SLO_NAME} }
spec:
  service: bank
  indicator:
    metadata: { name: ${SLO_NAME}-duration }
    spec:
      thresholdMetric:
        metricSource: { type: throughline, spec: { groupBy: [location] } }
  timeWindow: [{ duration: 30d, isRolling: true }]
  budgetingMethod: Occurrences
  objectives: [{ op: lt, value: 200, target: 0.9 }]
`;

export function sloDefinition(): SloDefinition {
  const { slos } = resolveSloDocuments(parseSloDocuments(TEXT, 'slo.yaml'));
  return slos[0].definition!;
}

export async function putSlo(client: ApiClient): Promise<void> {
  const response = await fetch(`${client.api}/api/v1/slos/${SLO_NAME}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/yaml' },
    body: TEXT,
  });
  if (response.status !== 200) throw new Error(`PUT ${SLO_NAME}: ${response.status} ${await response.text()}`);
}

/** Waits until all that is stored is counted. */
export function sloCounted(client: ApiClient, timeoutMs: number): Promise<void> {
  const isCounted = async () =>
    SloStatusAnswer.parse(await client.get(`/api/v1/slos/${SLO_NAME}/status`)).freshness.settled;
  return client.until('counted', isCounted, timeoutMs);
}
