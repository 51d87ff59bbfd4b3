import { afterAll } from 'vitest';
import { endDatabasesOfFile } from './database.ts';

// Runs for each file: hooks can be added only while a file is read, and what makes databases is read once for all files.
afterAll(endDatabasesOfFile);
