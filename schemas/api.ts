/** The HTTP API's parameters, bodies and answers, and how times are written in them. */
export * from './api-answers.js';
export * from './api-parameters.js';
export * from './api-time.js';
