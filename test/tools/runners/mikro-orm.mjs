import { readdirSync, readFileSync } from 'node:fs';
import { Migration, Migrator } from '@mikro-orm/migrations';
import { EntitySchema, MikroORM } from '@mikro-orm/postgresql';

const { url, dir, schema } = JSON.parse(process.argv[2]);
const classOf = (file) => {
  const text = readFileSync(`${dir}/${file}`, 'utf8');
  const name = `Migration${file.split('_')[0]}`;
  const one = class extends Migration {
    up() {
      this.addSql(text);
    }
  };
  return { name, class: Object.defineProperty(one, 'name', { value: name }) };
};
const Any = new EntitySchema({ name: 'Any', properties: { id: { type: 'number', primary: true } } });
const orm = await MikroORM.init({
  clientUrl: url,
  schema,
  entities: [Any],
  discovery: { disableDynamicFileAccess: true, warnWhenNoEntities: false },
  driverOptions: { connection: { options: `-c search_path=${schema}` }, options: `-c search_path=${schema}` },
  extensions: [Migrator],
  migrations: {
    migrationsList: readdirSync(dir).sort().map(classOf),
    snapshot: false,
    silent: true,
  },
});
try {
  await (orm.migrator ?? orm.getMigrator()).up();
} finally {
  await orm.close(true);
}
