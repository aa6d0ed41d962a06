import { readdirSync } from 'node:fs';
import { slotestFile } from './support/slotest.js';

const FOLDER = new URL('./fixtures/', import.meta.url);

const files = readdirSync(FOLDER).filter(name => name.endsWith('.slotest'));
if (files.length < 12) throw new Error(`only ${files.length} .slotest files found`);
for (const file of files.sort()) slotestFile(FOLDER, file);
