import { expect, test } from 'vitest';
import { SqlmigError } from '../../src/errors.ts';
import { describeHost, parseConnection, serviceOf } from '../../src/server/connection-string.ts';

const local = { host: 'localhost', address: null, port: 5432 };

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
  ['postgres://u@::1/db', { hosts: [{ host: '::1', port: 5432 }] }],
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
  ['postgres://localhost/db?host=/cloudsql/a:b:c', { hosts: [{ host: '/cloudsql/a:b:c', port: 5432 }] }],
  ['postgres://h/db?hostaddr=10.0.0.9', { hosts: [{ host: 'h', address: '10.0.0.9', port: 5432 }] }],
  ['postgres:///db?hostaddr=10.0.0.9', { hosts: [{ host: '10.0.0.9', address: '10.0.0.9' }] }],
  [
    'postgres:///db?host=a,b&port=1,2',
    {
      hosts: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
    },
  ],
  ['postgres:///db?user=me@work&password=a+b', { user: 'me@work', password: 'a+b' }],
  ['postgres://h/db?user=a&user=b', { user: 'b' }],
  ['postgres://h/db?ssl=true', { sslMode: 'require' }],
  ['postgres://h/db?sslrootcert=system', { sslMode: 'verify-full' }],
  ['postgres://h/db?sslmode=require&sslnegotiation=direct', { sslDirect: true }],
  ['postgres://h/db?ssl_min_protocol_version=tlsv1.3', { sslMinVersion: 'TLSv1.3' }],
  ['postgres://h/db?sslpassword=x', { sslPassword: 'x' }],
  ['postgres:', { user: null, database: null, hosts: [local] }],
] as const)('%s', ([url, expected]) => {
  expect(parseConnection(url, {})).toMatchObject(expected);
});

test.for([
  ['ecto://u:p@h/db?ssl=true&pool_size=10', { sslMode: 'require', warnings: [] }],
  ['postgis://u:p@h/db?conn_max_age=600', { database: 'db' }],
  ['pgsql://u:p@h/db', { user: 'u' }],
  ['postgresql+psycopg2://u:p@h:1/db', { hosts: [{ host: 'h', port: 1 }] }],
  ['postgresql+asyncpg://u@h/db?ssl=verify-full', { sslMode: 'verify-full' }],
  ['postgres://u@h/db?ssl=true&sslmode=verify-full', { sslMode: 'verify-full' }],
  ['postgres://u@h/db?sslmode=verify-full&ssl=1', { sslMode: 'verify-full' }],
  ['postgres://u@h/db?ssl', { sslMode: 'require' }],
  ['postgres://u@h/db?ssl=0', { sslMode: 'disable' }],
  ['postgres://u@h/db?ssl={"rejectUnauthorized": true}', { sslMode: 'verify-full' }],
  ['postgres://u@h/db?sslaccept=strict&schema=public', { sslMode: 'verify-full' }],
  ['postgres://u@h/db?sslaccept=accept_invalid_certs&sslmode=require', { sslMode: 'require' }],
  [
    'postgres://u@h/db?sslmode=no-verify&sslrootcert=/ca.pem',
    {
      sslMode: 'require',
      sslRootCert: null,
      warnings: [
        'sslmode=no-verify encrypts without checking the certificate of the server; verify-full checks it',
      ],
    },
  ],
  ['postgres://u@h/db?uselibpqcompat=true&sslmode=require', { sslMode: 'require', warnings: [] }],
  [
    'postgres://u@h/db?search_path=s3cret',
    {
      warnings: [
        'search_path in the database URL: it has no effect; searchPath in the config sets the path of tenant files',
      ],
    },
  ],
  [
    "psql 'postgresql://u:p@h/db?sslmode=require'",
    { user: 'u', password: 'p', database: 'db', sslMode: 'require' },
  ],
  ['"postgres://u:p@h/db"', { user: 'u', database: 'db' }],
  ['ecto://u@/db?socket_dir=/run', { hosts: [{ host: '/run' }] }],
  [
    'postgresql+pg8000://u@/db?unix_sock=/cloudsql/a:b:c/.s.PGSQL.5433',
    { hosts: [{ host: '/cloudsql/a:b:c', port: 5433 }] },
  ],
  ['psql://u:p@h/db', { user: 'u', database: 'db' }],
  ['timescalegis://u:p@h/db', { user: 'u' }],
  ['pgx5://u:p@h/db?sslmode=disable', { sslMode: 'disable' }],
  ['r2dbc:postgresql://u:p@h:1/db', { user: 'u', password: 'p', hosts: [{ host: 'h', port: 1 }] }],
  ['POSTGRES://u:p@h/db', { user: 'u' }],
  ['"\'postgres://u:p@h/db\'"\r\n', { user: 'u', database: 'db' }],
  ['DATABASE_URL=postgres://u:p@h/db', { user: 'u', password: 'p' }],
  ['export DATABASE_URL="postgres://u:p@h/db"', { user: 'u', database: 'db' }],
  ['\uFEFFpostgres://u:p@h/db ', { user: 'u', database: 'db' }],
] as const)('as frameworks and consoles write it: %s', ([text, expected]) => {
  expect(parseConnection(text, {})).toMatchObject(expected);
});

test.for([
  [
    'host=h port=6000 dbname=db user=u password=p sslmode=require',
    { user: 'u', password: 'p', database: 'db', sslMode: 'require', hosts: [{ host: 'h', port: 6000 }] },
  ],
  ["host = h  password='a b\\'c\\\\'", { password: "a b'c\\", hosts: [{ host: 'h' }] }],
  ['host=a,b port=1,2 password=a\\ b', { password: 'a b', hosts: [{ port: 1 }, { port: 2 }] }],
  ["user='' dbname=db host=/run", { user: null, database: 'db', hosts: [{ host: '/run' }] }],
  ["password=it's dbname=db", { password: "it's", database: 'db' }],
  ['dbname=a dbname=b pool_size=3', { database: 'b' }],
] as const)('keywords of libpq: %s', ([text, expected]) => {
  expect(parseConnection(text, {})).toMatchObject(expected);
});

test.for([
  [
    'Server=h;Database=db;Port=6000;User Id=u;Password={p};Ssl Mode=Require;',
    { user: 'u', password: '{p}', database: 'db', sslMode: 'require', hosts: [{ host: 'h', port: 6000 }] },
  ],
  [
    'Host=a:1,[::1]:2;Username=u;Password="p;""\'=";Database=db;Pooling=true;Maximum Pool Size=100;SSL Mode=VerifyFull',
    {
      password: 'p;"\'=',
      sslMode: 'verify-full',
      hosts: [
        { host: 'a', port: 1 },
        { host: '::1', port: 2 },
      ],
    },
  ],
  ['host=/cloudsql/a:b:c;port=1;username=u', { user: 'u', hosts: [{ host: '/cloudsql/a:b:c', port: 1 }] }],
  ['Application Name=My App; Host = h ;Timeout=3', { connectTimeoutMs: 3000, hosts: [{ host: 'h' }] }],
  [
    "User ID=u;Password='it''s';Host=h;Channel Binding=Require;Target Session Attributes=ReadWrite",
    { password: "it's", channelBinding: true, readWrite: true },
  ],
  ['Host=h;Search Path=a', { warnings: [expect.stringMatching(/^search_path /)] }],
  // These are lists of libpq, whose values may have semicolons.
  ['host=h;x password=p', { password: 'p', hosts: [{ host: 'h;x' }] }],
  ["password=';=;' host=h", { password: ';=;' }],
] as const)('ADO.NET: %s', ([text, expected]) => {
  expect(parseConnection(text, {})).toMatchObject(expected);
});

test.for([
  [
    'jdbc:postgresql://h:1/db?user=u&password=a%40b+c&ssl=true',
    { user: 'u', password: 'a@b c', database: 'db', sslMode: 'require', hosts: [{ host: 'h', port: 1 }] },
  ],
  ['jdbc:postgresql://h/db?user=u&password=p@1', { password: 'p@1', hosts: [{ host: 'h' }] }],
  ['jdbc:postgresql:db?user=u', { user: 'u', database: 'db', hosts: [local] }],
  [
    'jdbc:postgresql://a:1,b:2/db?targetServerType=primary&connectTimeout=3&currentSchema=public',
    { readWrite: true, connectTimeoutMs: 3000, hosts: [{ host: 'a' }, { host: 'b' }], warnings: [] },
  ],
] as const)('JDBC: %s', ([text, expected]) => {
  expect(parseConnection(text, {})).toMatchObject(expected);
});

test('a text of another form is told how a URL begins, and a URL of a proxy what to use', () => {
  const message = 'the database URL does not begin with postgres: or postgresql:';
  for (const text of ['$DATABASE_URL', 'https://s3cret@h', 'shop', ' '])
    expect(() => parseConnection(text, {})).toThrow(message);
  expect(() => parseConnection('prisma+postgres://h/?api_key=s3cret', {})).toThrow(
    'that only Prisma can use',
  );
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
  expect(parseConnection('postgres://h/db', { PGHOSTADDR: '::1' }).hosts).toEqual([
    { host: 'h', address: '::1', port: 5432 },
  ]);
  expect(parseConnection(null, { PGREQUIRESSL: '1' }).sslMode).toBe('require');
  expect(parseConnection(null, { PGREQUIRESSL: '1', PGSSLMODE: 'prefer' }).sslMode).toBe('prefer');
  expect(parseConnection(null, { PGTZ: 'Europe/Vienna', PGGEQO: 'off' }).startup).toEqual({
    TimeZone: 'Europe/Vienna',
    geqo: 'off',
  });
  expect(parseConnection(null, { PGTZ: 'default', PGDATESTYLE: 'german' }).startup).toEqual({});
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
  'postgres://u:s3cret@h/db?nonsense=x',
  'postgres://u:s3cret@h/db?target_session_attrs=standby',
  'postgres://u:s3cret@h/db?channel_binding=s3cret',
  'postgres://u:s3cret@h/db?s3cret=x',
  'postgres://u:s3cret@h/db?sslmode=s3cret',
  'postgres://u:s3cret@h/db?target_session_attrs=s3cret',
  'postgres://u:s3cret@h/db?connect_timeout=s3cret',
  'postgres://u:s3cret@h/db?sslrootcert=system&sslmode=require',
  'postgres://u:s3cret@h/db?sslnegotiation=direct',
  'postgres://u:s3cret@h/db?ssl_min_protocol_version=s3cret',
  'postgres://u:s3cret@h/db?hostaddr=a,b',
  'postgres://u:s3cret@h/db?port=1,2',
  'postgres://u:s3cret@h/db%00',
  'postgres://u:s3cret@h:0/db',
  'postgres://u:x?s3cret@127.0.0.1:5599/db',
  'postgres://u:x/s3cret@h/db',
  'postgres://u:s3cret/x@h/db',
  'postgres://u:12/s3cret@h/db',
  'postgres://u:a:s3cret',
  'postgres://u:s3cret/x',
  'postgres://u:a@s3cret?x@h/db',
  'postgres://u:a?sslmode=s3cret@h/db',
  'postgres://u:a?service=s3cret@h/db',
  'postgres://u:s3cret@h/db?ssl=s3cret',
  'host=h user=u password=s3cret nonsense=x',
  'host=h password=s3cret x',
  "host=h password='s3cret",
  "host=h password='x's3cret",
  'host=h password=s3cret\\',
  'host=h port=s3cret',
  'jdbc:mysql://h/db?user=u&password=s3cret',
  'Host=h;Password=s3cret;Nonsense=x',
  'Host=h;Password="s3cret;Database=x',
  'Host=h;Password=a"s3cret";s3cret',
  'Host=h;s3cret=x',
  'Host=h;Password=s3cret;SSL Mode=s3cret',
  'Host=h:1:s3cret;Password=s3cret',
  'PGPASSWORD=s3cret psql -h h db',
  'prisma+postgres://accelerate.prisma-data.net/?api_key=s3cret',
  'DATABASE_URL=mysql://u:s3cret@h/db',
  'jdbc:postgresql://u:x?s3cret@h/db',
  'jdbc:postgresql://h/db?user=u&password=s3cret&nonsense=x',
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

test('a host in words', () => {
  const { hosts } = parseConnection('postgres://u:p@a:1,[::1]:2,%2Frun/db', {});
  expect(hosts.map(describeHost)).toEqual(['a:1', '[::1]:2', '/run/.s.PGSQL.5432']);
  expect(parseConnection('postgres://a?hostaddr=10.0.0.9', {}).hosts.map(describeHost)).toEqual([
    'a:5432 (10.0.0.9)',
  ]);
});

const files = [
  {
    path: '/home/me/.pg_service.conf',
    text: '[prod]\nhost=db1\nport=6000\ndbname=shop\nuser=app\nsslmode=require',
  },
];

test('a service comes after the URL and before the variables', () => {
  const env = {
    PGSERVICE: 'prod',
    PGHOST: 'no',
    PGPORT: '1',
    PGDATABASE: 'no',
    PGUSER: 'no',
    PGPASSWORD: 'p',
  };
  const all = {
    user: 'app',
    password: 'p',
    database: 'shop',
    sslMode: 'require',
    hosts: [{ host: 'db1', port: 6000 }],
  };
  expect(parseConnection(null, env, files)).toMatchObject(all);
  expect(parseConnection('postgres:?service=prod', { ...env, PGSERVICE: 'other' }, files)).toMatchObject(all);
  expect(parseConnection('postgres://me@h/db', env, files)).toMatchObject({
    user: 'me',
    database: 'db',
    sslMode: 'require',
    hosts: [{ host: 'h', port: 6000 }],
  });
  // Whoever says nothing on purpose means the default.
  const empty = [{ path: '/f', text: '[prod]\nport=\nsslmode=' }];
  expect(parseConnection('postgres://h?user=', { ...env, PGSSLMODE: 'require' }, empty)).toMatchObject({
    user: null,
    sslMode: null,
    hosts: [{ host: 'h', port: 5432 }],
  });
  expect(serviceOf('postgres://h/db?service=prod', {})).toBe('prod');
  expect(serviceOf('postgres://h/db', { PGSERVICE: '' })).toBe(null);
});
