import { alembicReader } from './alembic.ts';
import { atlasReader } from './atlas.ts';
import { dbMigrateReader } from './db-migrate.ts';
import { dbmateOrRailsReader, dbmateReader } from './dbmate.ts';
import { dieselReader } from './diesel.ts';
import { djangoReader } from './django.ts';
import { drizzleReader } from './drizzle.ts';
import { ectoReader } from './ecto.ts';
import { flywayReader } from './flyway.ts';
import { golangMigrateReader } from './golang-migrate.ts';
import { gooseReader } from './goose.ts';
import { graphileMigrateReader } from './graphile-migrate.ts';
import { hasuraReader, oldHasuraReader } from './hasura.ts';
import type { HistoryReader } from './history-reader.ts';
import { knexReader } from './knex.ts';
import { kyselyReader } from './kysely.ts';
import { leyReader } from './ley.ts';
import { liquibaseReader } from './liquibase.ts';
import { mikroOrmReader } from './mikro-orm.ts';
import { nodePgMigrateReader } from './node-pg-migrate.ts';
import { popReader } from './pop.ts';
import { postgratorReader } from './postgrator.ts';
import { postgresMigrationsReader } from './postgres-migrations.ts';
import { prismaReader } from './prisma.ts';
import { railsReader } from './rails.ts';
import { refineryReader } from './refinery.ts';
import { sqitchReader } from './sqitch.ts';
import { sqlMigrateReader } from './sql-migrate.ts';
import { sqlxReader } from './sqlx.ts';
import { supabaseReader } from './supabase.ts';
import { ternReader } from './tern.ts';
import { typeormReader } from './typeorm.ts';
import { umzugReader } from './umzug.ts';

/** The tools whose histories can be read. */
const historyReaders: readonly HistoryReader[] = [
  ectoReader,
  railsReader,
  dbmateReader,
  dbmateOrRailsReader,
  golangMigrateReader,
  gooseReader,
  flywayReader,
  prismaReader,
  sqlxReader,
  dieselReader,
  refineryReader,
  ternReader,
  nodePgMigrateReader,
  knexReader,
  drizzleReader,
  graphileMigrateReader,
  postgresMigrationsReader,
  postgratorReader,
  umzugReader,
  typeormReader,
  mikroOrmReader,
  kyselyReader,
  supabaseReader,
  atlasReader,
  liquibaseReader,
  alembicReader,
  djangoReader,
  hasuraReader,
  oldHasuraReader,
  sqitchReader,
  sqlMigrateReader,
  dbMigrateReader,
  leyReader,
  popReader,
];

/** The reader of a tool, as `toolOf` names it; `null` if its history cannot be imported. */
export function readerOf(tool: string): HistoryReader | null {
  return historyReaders.find((reader) => reader.tool === tool) ?? null;
}
