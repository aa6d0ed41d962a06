/**
 * At most one consumer over all processes: a row in the log that names its holder. A holder that died is recognised by
 * its process id and start time, so a reused id does not keep the lock. All processes must share one pid namespace and
 * one machine, which LMDB's own locks require as well.
 */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { BusError } from '../errors.js';
import type { LogFile } from './log-file.js';

export interface LockHolder {
  /** Distinct for each consumer, also within one process. */
  readonly token: string;
  readonly pid: number;
  /** When the process started, in whatever form the platform gives it; '' if it cannot be told. */
  readonly startedAt: string;
}

const LOCK_KEY = Buffer.from('consumer');

export function newHolder(): LockHolder {
  return { token: randomUUID(), pid: process.pid, startedAt: processStart(process.pid) ?? '' };
}

export function readHolder(file: LogFile): LockHolder | undefined {
  const bytes = file.meta.getBinary(LOCK_KEY);
  return bytes === undefined ? undefined : (JSON.parse(bytes.toString('utf8')) as LockHolder);
}

/** Whether its process still runs. */
export function isAlive(holder: LockHolder): boolean {
  const startedAt = processStart(holder.pid);
  return startedAt !== undefined && (holder.startedAt === '' || startedAt === '' || startedAt === holder.startedAt);
}

/** undefined: no such process (or one that has ended and waits for its parent). '': it lives, since when is unknown. */
function processStart(pid: number): string | undefined {
  return process.platform === 'linux' ? linuxProcessStart(pid) : otherProcessStart(pid);
}

/** Boot id and clock ticks since boot: a restarted container or machine never repeats both. */
function linuxProcessStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command in parentheses may hold anything; the fields after it start with the state.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}/${fields[19]}`;
  } catch {
    return undefined;
  }
}

function otherProcessStart(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return undefined;
  }
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'latin1' }).trim();
  } catch {
    return '';
  }
}

/** Within a write transaction: takes the lock if its row is still as `expected`. */
export function takeLock(file: LogFile, expected: LockHolder | undefined, holder: LockHolder): void {
  const current = readHolder(file);
  if (current?.token !== expected?.token) throw conflict(file, current);
  file.meta.put(LOCK_KEY, Buffer.from(JSON.stringify(holder)));
}

/** Within a write transaction: throws if someone else has taken the lock over. */
export function checkLock(file: LogFile, holder: LockHolder): void {
  const current = readHolder(file);
  if (current?.token !== holder.token) throw conflict(file, current);
}

export function releaseLock(file: LogFile, holder: LockHolder): void {
  if (readHolder(file)?.token === holder.token) file.meta.remove(LOCK_KEY);
}

export function conflict(file: LogFile, holder: LockHolder | undefined): BusError {
  const who = holder === undefined ? 'another consumer' : `process ${holder.pid}`;
  return new BusError('BUS_CONFLICT', `${who} is consuming the log in ${file.directory}`);
}
