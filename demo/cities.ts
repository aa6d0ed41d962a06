export interface City {
  readonly locality: string;
  readonly region: string;
  readonly country: string;
  /** Of all users. */
  readonly share: number;
  /** What the way to the edge costs there. */
  readonly networkMs: number;
}

export const CITIES: readonly City[] = [
  { locality: 'New York', region: 'US-NY', country: 'US', share: 0.3, networkMs: 8 },
  { locality: 'London', region: 'GB-LND', country: 'GB', share: 0.2, networkMs: 12 },
  { locality: 'São Paulo', region: 'BR-SP', country: 'BR', share: 0.1, networkMs: 40 },
  { locality: 'Tokyo', region: 'JP-13', country: 'JP', share: 0.1, networkMs: 30 },
  { locality: 'Mumbai', region: 'IN-MH', country: 'IN', share: 0.1, networkMs: 45 },
  { locality: 'Berlin', region: 'DE-BE', country: 'DE', share: 0.08, networkMs: 14 },
  { locality: 'Chicago', region: 'US-IL', country: 'US', share: 0.07, networkMs: 10 },
  { locality: 'Sydney', region: 'AU-NSW', country: 'AU', share: 0.05, networkMs: 60 },
];

/** A city by its share; `at` is from 0 up to 1. */
export function cityAt(at: number): City {
  let rest = at;
  for (const city of CITIES) {
    rest -= city.share;
    if (rest < 0) return city;
  }
  return CITIES[0];
}

export function cityNamed(locality: string): City {
  const city = CITIES.find(each => each.locality === locality);
  if (city === undefined) throw new Error(`nobody lives in ${JSON.stringify(locality)}`);
  return city;
}
