/**
 * The engine's files belong to one process at a time: the child that has them says so in a file beside them. A file that
 * a killed child left behind counts for nothing.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CLAIM_FILE, type Claim } from './child-protocol.js';

/** How long a child whose parent is gone may take to end by itself. */
const STALE_CHILD_MS = 10_000;
const POLL_MS = 50;
const SETTLE_MS = 150;

/** Another process has the directory. */
export class TakenError extends Error {}

/** For the child. Throws a TakenError if another has the directory. */
export function claimDirectory(dataDir: string, claim: Claim): void {
  const path = join(dataDir, CLAIM_FILE);
  for (;;) {
    try {
      writeFileSync(path, JSON.stringify(claim), { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const other = readClaim(dataDir);
    if (other !== undefined && isEngine(other.pid, dataDir)) {
      throw new TakenError(`the data directory ${dataDir} is in use by process ${other.pid}`);
    }
    rmSync(path, { force: true });
  }
}

/** For the child that has the directory: others may come in now. */
export function publishClaim(dataDir: string, claim: Claim): void {
  const path = join(dataDir, CLAIM_FILE);
  writeFileSync(`${path}.new`, JSON.stringify(claim));
  renameSync(`${path}.new`, path);
}

export function releaseDirectory(dataDir: string): void {
  rmSync(join(dataDir, CLAIM_FILE), { force: true });
}

/**
 * For the parent: the engine that another process of ours runs on this directory, once it answers. A child whose own
 * parent is gone is about to end; it is waited for, and killed if it takes too long.
 */
export async function findRunningEngine(dataDir: string, startTimeoutMs: number): Promise<Claim | undefined> {
  const startedAt = performance.now();
  for (;;) {
    const claim = readClaim(dataDir);
    if (claim === undefined || !isEngine(claim.pid, dataDir)) return undefined;
    const waitedMs = performance.now() - startedAt;
    if (!isAlive(claim.parentPid)) {
      if (waitedMs > STALE_CHILD_MS) killQuietly(claim.pid);
    } else if (await keepsAnswering(claim)) return claim;
    else if (waitedMs > startTimeoutMs) {
      throw new Error(`process ${claim.pid} has the data directory ${dataDir} and does not answer`);
    }
    await sleep(POLL_MS);
  }
}

/** Whether the engine of this identity still has the directory, or nearly so. */
export function isClaimed(dataDir: string, identity: string): boolean {
  const claim = readClaim(dataDir);
  return claim?.identity === identity && isEngine(claim.pid, dataDir) && isAlive(claim.parentPid);
}

function readClaim(dataDir: string): Claim | undefined {
  try {
    return JSON.parse(readFileSync(join(dataDir, CLAIM_FILE), 'utf8')) as Claim;
  } catch {
    // There is none, or a process was killed while it wrote it.
    return undefined;
  }
}

/** Whether the process is the engine of this directory, and not one that was given its number later. */
function isEngine(pid: number, dataDir: string): boolean {
  if (!isAlive(pid)) return false;
  const command = commandOf(pid);
  return command.includes('engine/main.js') && command.includes(dataDir);
}

/** Its words, however they are separated; '' if it has just ended. */
function commandOf(pid: number): string {
  try {
    if (existsSync('/proc/self/cmdline')) return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** A parent that was killed this moment may look alive, and its child answer, for a little while. */
async function keepsAnswering(claim: Claim): Promise<boolean> {
  if (!(await answers(claim))) return false;
  await sleep(SETTLE_MS);
  return answers(claim);
}

async function answers({ url, identity }: Claim): Promise<boolean> {
  if (url === '') return false;
  try {
    const response = await fetch(`${url}/ping`, { signal: AbortSignal.timeout(1_000) });
    await response.arrayBuffer();
    return response.headers.get('x-throughline-engine') === identity;
  } catch {
    return false;
  }
}
