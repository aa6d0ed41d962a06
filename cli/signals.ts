/** Tells of the first SIGTERM or SIGINT; a second one does not wait and ends the process at once. */
export function onSignal(first: (signal: NodeJS.Signals) => void): void {
  let count = 0;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (++count > 1) process.exit(1);
      first(signal);
    });
  }
}
