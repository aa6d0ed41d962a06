export { SQL_ROLE } from './config.js';
export { ENGINE_USER, enginePassword } from './login.js';
export { type EmbeddedEngine, type EmbeddedEngineOptions, startEmbeddedEngine } from './supervisor.js';
