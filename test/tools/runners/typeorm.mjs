import { readdirSync, readFileSync } from 'node:fs';
import { DataSource } from 'typeorm';

const { url, dir, schema } = JSON.parse(process.argv[2]);
const classOf = (file) => {
  const [, time, title] = /^(\d+)_(\w+)\.sql$/.exec(file);
  const text = readFileSync(`${dir}/${file}`, 'utf8');
  const one = class {
    name = `${title}${time}`;
    up(runner) {
      return runner.query(text);
    }
    async down() {}
  };
  return one;
};
const source = new DataSource({
  type: 'postgres',
  url,
  schema,
  extra: { options: `-c search_path=${schema}` },
  migrations: readdirSync(dir).sort().map(classOf),
});
await source.initialize();
try {
  await source.runMigrations();
} finally {
  await source.destroy();
}
