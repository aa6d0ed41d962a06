/** Tier and place of a single span, from its attributes and its resource's: the default rules, spelled out. */
import type { OraclePlace } from './types.js';

type Attributes = ReadonlyMap<string, string>;

const EDGE_SDKS = ['webjs', 'swift', 'kotlin-android'];
const EDGE_KEYS = ['user_agent.synthetic.type', 'upstream_cluster.name', 'upstream_cluster', 'guid:x-request-id'];
const EDGE_PREFIXES = ['browser.', 'device.'];
const DATA_KEYS = ['db.system.name', 'db.system'];

export const NO_PLACE: OraclePlace = { rank: 255, locality: '', region: '', country: '' };

export function classifyTier(span: Attributes, resource: Attributes): string {
  const override = resource.get('throughline.tier');
  if (override) return override;
  const keys = [...span.keys(), ...resource.keys()];
  const sdk = span.get('telemetry.sdk.language') ?? resource.get('telemetry.sdk.language') ?? '';
  if (EDGE_SDKS.includes(sdk)) return 'edge';
  if (keys.some(key => EDGE_KEYS.includes(key))) return 'edge';
  if (keys.some(key => EDGE_PREFIXES.some(prefix => key.startsWith(prefix)))) return 'edge';
  if (keys.some(key => DATA_KEYS.includes(key))) return 'data';
  return 'app';
}

/** `geo.*` of the span, else of the resource; else `cloud.region` of the span, else of the resource. */
export function locate(span: Attributes, resource: Attributes): OraclePlace {
  for (const attributes of [span, resource]) {
    const locality = attributes.get('geo.locality.name') ?? '';
    const region = attributes.get('geo.region.iso_code') ?? '';
    const country = attributes.get('geo.country.iso_code') ?? '';
    if (locality !== '' || region !== '' || country !== '') return { rank: 0, locality, region, country };
  }
  const region = span.get('cloud.region') || resource.get('cloud.region') || '';
  return region === '' ? NO_PLACE : { rank: 2, locality: '', region, country: '' };
}
