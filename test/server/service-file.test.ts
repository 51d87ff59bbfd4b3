import { expect, test } from 'vitest';
import { readService, type ServiceFile } from '../../src/server/service-file.ts';

const own = (text: string | null): ServiceFile => ({ path: '/home/me/.pg_service.conf', text });
const system = (text: string | null): ServiceFile => ({ path: '/etc/pg_service.conf', text });
const read = (...files: ServiceFile[]) => Object.fromEntries(readService('prod', files));

test('comments, blanks, other sections and a second value are passed over', () => {
  const text = `\uFEFF# mine
   # more
[product]
this is no line of libpq
[prod]\r

  host=db1.example.com\t
port=6000
port=7000
password= a=b#c 
[prod]
host=never
[broken`;
  expect(read(own(text))).toEqual({ host: 'db1.example.com', port: '6000', password: ' a=b#c\u00a0' });
});

test('the first file that has the section counts, alone', () => {
  expect(read(own('[prod]\nhost=a'), system('[prod]\nhost=b\nport=1'))).toEqual({ host: 'a' });
  expect(read(own('[other]\nhost=a'), system('[prod]\nhost=b'))).toEqual({ host: 'b' });
  expect(read(own(null), system('[prod]'))).toEqual({});
});

test('an unknown service names the files', () => {
  expect(() => read(own('[other]'), system(null))).toThrow(
    'no service "prod" in /home/me/.pg_service.conf or /etc/pg_service.conf (not found)',
  );
});

test.for(['s3cret', 's3cret=x', 'host = s3cret', 'service=s3cret', 'ldap://s3cret', 'host=s3cret\0'])(
  'file and line of what libpq refuses, and not the line: %j',
  (line) => {
    const text = `# \n[prod]\nuser=u\n${line}`;
    expect(() => read(own(text))).toThrow('/home/me/.pg_service.conf:4: ');
    expect(() => read(own(text))).not.toThrow('s3cret');
    expect(() => read(own(text))).toThrow(expect.objectContaining({ code: 'config-invalid' }));
  },
);
