/** One OTLP/HTTP request, sent as an exporter sends it. */

/** False where the connection broke or the receiver says to come again. */
export async function deliver(endpoint: string, body: Uint8Array): Promise<boolean> {
  try {
    const response = await fetch(`${endpoint}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: Buffer.from(body),
    });
    const answer = await response.arrayBuffer();
    if (response.status === 200) {
      if (answer.byteLength > 0) throw new TypeError(`spans rejected: ${Buffer.from(answer).toString('latin1')}`);
      return true;
    }
    if (response.status !== 503 && response.status !== 429) throw new TypeError(`refused: ${response.status}`);
  } catch (error) {
    if (error instanceof TypeError && error.message !== 'fetch failed' && error.message !== 'terminated') throw error;
  }
  await new Promise(resolve => setTimeout(resolve, 50));
  return false;
}
