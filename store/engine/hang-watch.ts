/**
 * Tells whether the engine's child still does anything: it is asked once a second over the channel to its parent, and has
 * chDB answer a query that needs no table. A child that is stopped, or waits for ever inside the engine, says nothing.
 */
import type { ChildProcess } from 'node:child_process';
import { type ChildMessage, PING } from './child-protocol.js';

const EVERY_MS = 1_000;

/**
 * Calls `hangs` once if nothing is answered for so long. Turns of the parent's loop are counted, not time: a parent that
 * was stopped itself, or sleeps with its machine, has not listened. Returns what ends the watch.
 */
export function watchForHang(child: ChildProcess, timeoutMs: number, hangs: () => void): () => void {
  const everyMs = Math.min(EVERY_MS, timeoutMs);
  const patience = Math.ceil(timeoutMs / everyMs);
  let unanswered = 0;
  const onMessage = (message: ChildMessage) => {
    if ('isAlive' in message) unanswered = 0;
  };
  const timer = setInterval(() => {
    if (unanswered === 0 && child.connected) child.send(PING, () => {});
    if (++unanswered <= patience) return;
    end();
    hangs();
  }, everyMs);
  timer.unref();
  child.on('message', onMessage);
  function end() {
    clearInterval(timer);
    child.off('message', onMessage);
  }
  return end;
}
