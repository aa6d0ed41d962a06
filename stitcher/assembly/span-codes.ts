/** OTLP's numbers that assembly looks at. */
export const KIND_SERVER = 2;
export const KIND_CLIENT = 3;
export const KIND_PRODUCER = 4;
export const KIND_CONSUMER = 5;
export const STATUS_ERROR = 2;
