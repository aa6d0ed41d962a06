/** Where a span was: the sources of docs/stitching.md ("Location"), in the configured order. */

import type { LocationSource, Place } from '../schemas/index.js';
import { type Facts, Slot } from './classify.js';
import { Dictionary } from './dictionary.js';
import { NO_LOCATION_RANK } from './span-block.js';

/** Addresses remembered with their place; at this many all are forgotten. */
const MAX_ADDRESSES = 1 << 16;
/** Longer text is no IP address, also with a zone. */
const MAX_ADDRESS_BYTES = 64;
const GEO_SLOTS = (1 << Slot.GEO_LOCALITY) | (1 << Slot.GEO_REGION) | (1 << Slot.GEO_COUNTRY);

export class Locator {
  /** The last answer: dictionary indexes, and the position of its source in the order. */
  locationRank: number = NO_LOCATION_RANK;
  locality = 0;
  region = 0;
  country = 0;
  /** Bits of the slots that can make a difference: a span without any of them is where its resource is. */
  readonly slots: number;

  readonly #order: readonly LocationSource[];
  readonly #geoip: ((address: string) => Place | undefined) | undefined;
  readonly #addresses = new Dictionary();
  readonly #places: (Place | undefined)[] = [undefined];

  constructor(order: readonly LocationSource[], geoip: ((address: string) => Place | undefined) | undefined) {
    this.#order = order;
    this.#geoip = geoip;
    let slots = 0;
    if (order.includes('geo')) slots |= GEO_SLOTS;
    if (order.includes('geoip') && geoip !== undefined) slots |= 1 << Slot.CLIENT_ADDRESS;
    if (order.includes('cloud.region')) slots |= 1 << Slot.CLOUD_REGION;
    this.slots = slots;
  }

  /** Sets the answer for a span and its resource; `*Values` are what the facts' positions point into. */
  locate(
    dictionary: Dictionary,
    span: Facts,
    spanValues: Uint8Array,
    resource: Facts,
    resourceValues: Uint8Array,
  ): void {
    for (let rank = 0; rank < this.#order.length; rank++) {
      const source = this.#order[rank];
      if (
        this.#find(source, dictionary, span, spanValues) ||
        this.#find(source, dictionary, resource, resourceValues)
      ) {
        this.locationRank = rank;
        return;
      }
    }
    this.locationRank = NO_LOCATION_RANK;
    this.#place(0, 0, 0);
  }

  #find(source: LocationSource, dictionary: Dictionary, facts: Facts, values: Uint8Array): boolean {
    if ((facts.slots & this.slots) === 0) return false;
    switch (source) {
      case 'geo':
        return this.#findGeo(dictionary, facts, values);
      case 'geoip':
        return this.#findAddress(dictionary, facts, values);
      case 'cloud.region': {
        const region = internSlot(dictionary, facts, Slot.CLOUD_REGION, values);
        this.#place(0, region, 0);
        return region !== 0;
      }
    }
  }

  #findGeo(dictionary: Dictionary, facts: Facts, values: Uint8Array): boolean {
    if ((facts.slots & GEO_SLOTS) === 0) return false;
    this.#place(
      internSlot(dictionary, facts, Slot.GEO_LOCALITY, values),
      internSlot(dictionary, facts, Slot.GEO_REGION, values),
      internSlot(dictionary, facts, Slot.GEO_COUNTRY, values),
    );
    return (this.locality | this.region | this.country) !== 0;
  }

  #findAddress(dictionary: Dictionary, facts: Facts, values: Uint8Array): boolean {
    if (this.#geoip === undefined || !facts.has(Slot.CLIENT_ADDRESS)) return false;
    if (facts.ends[Slot.CLIENT_ADDRESS] - facts.starts[Slot.CLIENT_ADDRESS] > MAX_ADDRESS_BYTES) return false;
    if (this.#addresses.count >= MAX_ADDRESSES) {
      this.#addresses.reset();
      this.#places.length = 1;
    }
    const index = internSlot(this.#addresses, facts, Slot.CLIENT_ADDRESS, values);
    if (index === this.#places.length) this.#places.push(this.#geoip(this.#addresses.text(index)));
    const place = this.#places[index];
    if (place === undefined) return false;
    this.#place(
      dictionary.internText(place.locality),
      dictionary.internText(place.region),
      dictionary.internText(place.country),
    );
    return (this.locality | this.region | this.country) !== 0;
  }

  #place(locality: number, region: number, country: number): void {
    this.locality = locality;
    this.region = region;
    this.country = country;
  }
}

/** The slot's text as an index of `dictionary`; 0 if it is absent or empty. */
export function internSlot(dictionary: Dictionary, facts: Facts, slot: number, values: Uint8Array): number {
  if ((facts.slots & (1 << slot)) === 0) return 0;
  return dictionary.intern(values, facts.starts[slot], facts.ends[slot]);
}
