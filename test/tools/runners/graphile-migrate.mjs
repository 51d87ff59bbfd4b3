import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import graphile from 'graphile-migrate';

const { url, dir } = JSON.parse(process.argv[2]);
const folder = mkdtempSync(join(tmpdir(), 'graphile-migrate-'));
cpSync(dir, join(folder, 'committed'), { recursive: true });
writeFileSync(join(folder, 'current.sql'), '');
try {
  await graphile.migrate({
    connectionString: url,
    shadowConnectionString: `${url}_shadow`,
    migrationsFolder: folder,
  });
} finally {
  rmSync(folder, { recursive: true });
}
