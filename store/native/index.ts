export { encodeNativeBlock } from './encode.js';
