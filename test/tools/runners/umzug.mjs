import { readFileSync } from 'node:fs';
import { Sequelize } from 'sequelize';
import { SequelizeStorage, Umzug } from 'umzug';

const { url, dir, schema } = JSON.parse(process.argv[2]);
const sequelize = new Sequelize(url, {
  logging: false,
  dialectOptions: { options: `-c search_path=${schema}` },
});
const umzug = new Umzug({
  migrations: {
    glob: ['*.sql', { cwd: dir }],
    resolve: ({ name, path }) => ({ name, up: () => sequelize.query(readFileSync(path, 'utf8')) }),
  },
  storage: new SequelizeStorage({ sequelize, schema }),
  logger: undefined,
});
try {
  await umzug.up();
} finally {
  await sequelize.close();
}
