/** What parent and child of the embedded engine tell each other. */

/** The child's settings: JSON in its environment variable of this name. */
export const SETTINGS_VARIABLE = 'THROUGHLINE_ENGINE_SETTINGS';

export interface ChildSettings {
  readonly dataDir: string;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly parallelReads: number;
  readonly identity: string;
}

/** Sent by the child once it listens, or when it cannot. */
export type ChildMessage = { readonly port: number } | { readonly error: string };

/** In the data directory, while a child serves it: how others find it. */
export interface Claim {
  readonly pid: number;
  readonly url: string;
  readonly identity: string;
}

export const CLAIM_FILE = 'engine.json';
