import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const { url, dir, schema } = JSON.parse(process.argv[2]);
const { username, password, host, pathname } = new URL(url);
const dist = join(dirname(fileURLToPath(import.meta.url)), 'node_modules/liquibase/dist');
const includes = readdirSync(dir)
  .filter((file) => file.endsWith('.sql'))
  .sort()
  .map((file) => `  - include: { file: ${file} }\n`);
writeFileSync(join(dir, 'changelog.yaml'), `databaseChangeLog:\n${includes.join('')}`);
execFileSync(
  'sh',
  [
    join(dist, 'liquibase/liquibase'),
    ...[`--url=jdbc:postgresql://${host}${pathname}`, `--username=${username}`, `--password=${password}`],
    ...[`--classpath=${join(dist, 'drivers/postgresql-42.4.2.jar')}`, `--search-path=${dir}`],
    ...[`--default-schema-name=${schema}`, '--changelog-file=changelog.yaml'],
    'update',
  ],
  { stdio: 'inherit' },
);
