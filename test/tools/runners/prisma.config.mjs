// The schema engine that the package has as WebAssembly, for machines that cannot download the native one. It works
// through a driver adapter, of which these things are mended here: it cannot read columns of the type name, and it
// splits a script at each semicolon, where the native engine sends it as it is. It writes times without a time zone, so
// its sessions have UTC.
import { createRequire } from 'node:module';
import { PrismaPg } from '@prisma/adapter-pg';
import { defineConfig } from 'prisma/config';

const require = createRequire(createRequire(import.meta.url).resolve('@prisma/adapter-pg'));
const Result = require('pg/lib/result');
const { addFields } = Result.prototype;
const [name, text] = [19, 25];
Result.prototype.addFields = function (fields) {
  for (const field of fields) if (field.dataTypeID === name) field.dataTypeID = text;
  return addFields.call(this, fields);
};

const { PRISMA_TEST_URL: connectionString, PRISMA_TEST_SCHEMA: schema } = process.env;
const whole = (adapter) =>
  Object.assign(adapter, {
    async executeScript(script) {
      await adapter.client.query(script).catch((error) => adapter.onError(error));
    },
  });
const factory = new PrismaPg(
  { connectionString, options: `-c search_path=${schema} -c timezone=UTC` },
  { schema },
);
for (const method of ['connect', 'connectToShadowDb']) {
  const original = factory[method].bind(factory);
  factory[method] = async () => whole(await original());
}
export default defineConfig({
  engine: 'js',
  experimental: { adapter: true },
  schema: process.env.PRISMA_TEST_MODEL,
  migrations: { path: process.env.PRISMA_TEST_FILES },
  adapter: async () => factory,
});
