import { expect, test } from 'vitest';
import { describeTarget, parseConnection } from '../../src/core/connection-string.ts';
import { SqlmigError } from '../../src/errors.ts';

const local = { host: 'localhost', port: 5432 };

test.for([
  ['postgres://u:p@h/db', { user: 'u', password: 'p', database: 'db', hosts: [{ host: 'h', port: 5432 }] }],
  [
    'postgresql://u@h:6543',
    { user: 'u', password: null, database: null, hosts: [{ host: 'h', port: 6543 }] },
  ],
  ['postgres://u:100%25@h/db', { password: '100%' }],
  ['postgres://u:100%@h/db', { password: '100%' }],
  ['postgres://u:a@b:c@h/db', { user: 'u', password: 'a@b:c', hosts: [{ host: 'h', port: 5432 }] }],
  ['postgres://u:%C3%BC%2F@h/my%20db', { password: 'ü/', database: 'my db' }],
  ['postgres://u@[::1]:5433/db', { hosts: [{ host: '::1', port: 5433 }] }],
  ['postgres://u@%2Fvar%2Frun/db', { hosts: [{ host: '/var/run', port: 5432 }] }],
  ['postgres:///db?host=/var/run&port=5433', { database: 'db', hosts: [{ host: '/var/run', port: 5433 }] }],
  [
    'postgres://u@a:1,b:2,[::1]/db?target_session_attrs=read-write',
    {
      hosts: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
        { host: '::1', port: 5432 },
      ],
      readWrite: true,
    },
  ],
  [
    'postgres://h/db?sslmode=verify-full&sslrootcert=/ca.pem',
    { sslMode: 'verify-full', sslRootCert: '/ca.pem' },
  ],
  ['postgres://h/db?schema=public&pgbouncer=true&connection_limit=1', { schema: 'public', saysPooled: true }],
  ['postgres://h/db?options=-c%20work_mem%3D8MB', { startup: { options: '-c work_mem=8MB' } }],
  ['postgres://h/db?connect_timeout=3', { connectTimeoutMs: 3000 }],
  ['postgres:', { user: null, database: null, hosts: [local] }],
] as const)('%s', ([url, expected]) => {
  expect(parseConnection(url, {})).toMatchObject(expected);
});

test('what the URL does not say comes from the variables', () => {
  const env = {
    PGHOST: '/run',
    PGPORT: '1',
    PGUSER: 'me',
    PGPASSWORD: 'x',
    PGDATABASE: 'd',
    PGSSLMODE: 'require',
    PGPASSFILE: '/f',
    PGOPTIONS: '-c a=b',
    PGCONNECT_TIMEOUT: '2',
  };
  expect(parseConnection(null, env)).toMatchObject({
    hosts: [{ host: '/run', port: 1 }],
    user: 'me',
    password: 'x',
    database: 'd',
    sslMode: 'require',
    passFile: '/f',
    startup: { options: '-c a=b' },
    connectTimeoutMs: 2000,
  });
  expect(parseConnection('postgres://u@h:2/e?sslmode=disable', env)).toMatchObject({
    hosts: [{ host: 'h', port: 2 }],
    user: 'u',
    password: 'x',
    database: 'e',
    sslMode: 'disable',
  });
});

test.for([
  'mysql://u:s3cret@h/db',
  'not a url s3cret',
  'postgres://u:s3cret@h:port/db',
  'postgres://u:s3cret@h:99999/db',
  'postgres://u:s3cret@h/db?sslmode=maybe',
  'postgres://u:s3cret@h/db?search_path=x',
  'postgres://u:s3cret@h/db?target_session_attrs=standby',
  'postgres://u:s3cret@h/db?channel_binding=require',
])('%s is a clear error without the password', (url) => {
  try {
    parseConnection(url, {});
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(SqlmigError);
    expect(JSON.stringify((error as SqlmigError).details)).not.toContain('s3cret');
    expect((error as SqlmigError).code).toBe('config-invalid');
  }
});

test('a target in words has neither user nor password', () => {
  expect(describeTarget(parseConnection('postgres://u:p@a:1,[::1]:2/db', {}))).toBe('a:1,[::1]:2/db');
});
