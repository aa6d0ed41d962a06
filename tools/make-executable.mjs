// npm links the bin of a package that is built after installation without its executable bit; set it.
import { chmodSync } from 'node:fs';

chmodSync(new URL('../dist/cli/main.js', import.meta.url), 0o755);
