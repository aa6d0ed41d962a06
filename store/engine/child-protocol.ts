/** What parent and child of the embedded engine tell each other. */

/** The child's settings: JSON in its environment variable of this name. */
export const SETTINGS_VARIABLE = 'THROUGHLINE_ENGINE_SETTINGS';

export interface ChildSettings {
  readonly dataDir: string;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly readSessions: number;
  readonly threads: number;
  readonly maxMemoryBytes: number;
  /** Of the data of all inserts that wait, on disk. */
  readonly maxSpoolBytes: number;
  readonly identity: string;
  /** SHA-256, hexadecimal; '': nobody needs one. */
  readonly passwordSha256: string;
}

/** Sent by the child once it listens, or when it cannot (`isTaken`: another has the directory); and for every PING. */
export type ChildMessage =
  | { readonly port: number }
  | { readonly error: string; readonly isTaken: boolean }
  | { readonly isAlive: true };

/** Sent by the parent: finish what is running, then end. */
export const STOP = 'stop';

/** Sent by the parent: say that the engine works. */
export const PING = 'ping';

/** In the data directory, while a child has it: how others find it, and whom to wait for. */
export interface Claim {
  readonly pid: number;
  readonly parentPid: number;
  readonly identity: string;
  /** '' while the engine starts. */
  readonly url: string;
}

export const CLAIM_FILE = 'engine.json';
