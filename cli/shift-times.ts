/** Moves the times of recorded requests, exactly: spans' starts and ends and their events'. */

const NS_PER_MS = 1_000_000n;
/** Only these fields, whatever is around them; nanoseconds as JSON writes them, text or number. */
const TIME_FIELD = /"(startTimeUnixNano|endTimeUnixNano|timeUnixNano)"(\s*:\s*)"?(\d+)"?/g;

export function newestEndNs(json: string): bigint {
  let newest = 0n;
  for (const [, field, , digits] of json.matchAll(TIME_FIELD)) {
    if (field !== 'endTimeUnixNano') continue;
    const ns = BigInt(digits);
    if (ns > newest) newest = ns;
  }
  return newest;
}

/** Zero stands for "not known" and stays. */
export function shiftTimes(json: string, byNs: bigint): string {
  return json.replace(TIME_FIELD, (whole, field, colon, digits) =>
    digits === '0' ? whole : `"${field}"${colon}"${BigInt(digits) + byNs}"`,
  );
}

export const nowNs = (clockMs: number): bigint => BigInt(clockMs) * NS_PER_MS;
