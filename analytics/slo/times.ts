/** Instants of parameters, of the mathematics (minutes since the epoch) and of answers. */
import { formatShortInstant, NS_PER_MS } from '../../schemas/index.js';

export const MINUTE_MS = 60_000;

export const msOf = (ns: bigint): number => Number(ns / NS_PER_MS);

export const minuteOf = (ms: number): number => Math.floor(ms / MINUTE_MS);

export function instantOf(ms: number): string {
  return formatShortInstant(BigInt(Math.trunc(ms)) * NS_PER_MS);
}

export function minuteText(minute: number): string {
  return instantOf(minute * MINUTE_MS);
}
