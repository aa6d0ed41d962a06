/** Rules a person may write in the config for tiers and locations, and their defaults. */

/**
 * All conditions must hold. A key is an attribute name, looked up in the span, then in its resource; a trailing `*`
 * matches any name with that prefix. A value is one string, several of which one must equal, or `*` for any.
 * Attribute values that are not strings are compared in their text form.
 */
export interface TierRule {
  readonly tier: string;
  readonly where: Readonly<Record<string, string | readonly string[]>>;
}

export const DEFAULT_TIER = 'app';
export const TIER_ATTRIBUTE = 'throughline.tier';

/** First match wins. */
export const DEFAULT_TIER_RULES: readonly TierRule[] = [
  { tier: 'edge', where: { 'telemetry.sdk.language': ['webjs', 'swift', 'kotlin-android'] } },
  { tier: 'edge', where: { 'browser.*': '*' } },
  { tier: 'edge', where: { 'device.*': '*' } },
  { tier: 'edge', where: { 'user_agent.synthetic.type': '*' } },
  { tier: 'edge', where: { 'upstream_cluster.name': '*' } },
  { tier: 'edge', where: { upstream_cluster: '*' } },
  { tier: 'edge', where: { 'guid:x-request-id': '*' } },
  { tier: 'data', where: { 'db.system.name': '*' } },
  { tier: 'data', where: { 'db.system': '*' } },
];

/** Where a trace's location may come from, most trusted first. */
export type LocationSource = 'geo' | 'geoip' | 'cloud.region';

export const DEFAULT_LOCATION_ORDER: readonly LocationSource[] = ['geo', 'geoip', 'cloud.region'];

export interface Place {
  readonly locality: string;
  readonly region: string;
  readonly country: string;
}
