/** `THROUGHLINE_FAULT_SEED` chooses what is sent and when things happen; `npm run test:faults -- --long` goes through many. */
export const SEED = Number(process.env.THROUGHLINE_FAULT_SEED ?? 1);

/** Hours instead of minutes: outages as long as FAULTS.md has them. */
export const IS_LONG = process.env.THROUGHLINE_FAULT_LONG === '1';
