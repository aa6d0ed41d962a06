export { type EmbeddedEngine, type EmbeddedEngineOptions, startEmbeddedEngine } from './supervisor.js';
