/**
 * The demo room: a bank whose telemetry is real, for those who want to see Throughline at work before they send their
 * own. In: where to send OTLP, and a source of chance. Out: spans, through the OpenTelemetry SDK's exporters. It knows
 * nothing of Throughline but its ports.
 */
export { type Bank, type BankOptions, startBank } from './bank.js';
