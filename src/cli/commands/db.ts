import { createDatabases } from '../../operations/create-databases.ts';
import { dropDatabases } from '../../operations/drop-databases.ts';
import { databaseDropText, databasesTable } from '../../report/databases.ts';
import { databaseFailures } from '../../report/error.ts';
import { defineCommand } from '../command.ts';
import { confirms } from '../execute.ts';
import { yesOption } from '../options.ts';

/** `sqlmig db create`. */
export const dbCreateCommand = defineCommand()({
  name: 'db create',
  describe: 'Create the databases of the config that do not exist',
  options: {},
  examples: [
    ['db create', 'create the database that the URL names, unless it exists'],
    ['db create --wait 60s', 'the same, as soon as the server is reachable'],
  ],
  showsDatabase: true,
  prepare:
    () =>
    async ({ config, signal, onEvent }) => {
      const result = await createDatabases(config, { signal, onEvent });
      return {
        exitCode: result.ok ? 0 : 1,
        json: result,
        text: () => databasesTable(result),
        failures: databaseFailures(result),
      };
    },
});

/** `sqlmig db drop`. */
export const dbDropCommand = defineCommand()({
  name: 'db drop',
  describe: 'Drop the databases of the config with everything in them',
  options: { ...yesOption },
  examples: [
    ['db drop', 'show what would be dropped, ask, and drop it'],
    ['db drop --database eu --yes', 'drop one of several databases without asking'],
  ],
  showsDatabase: true,
  prepare:
    ({ yes }, terminal) =>
    async ({ config, signal, onEvent }) => {
      const result = await dropDatabases(config, {
        signal,
        onEvent,
        accept: async (databases) => yes || confirms(terminal, databaseDropText(databases)),
      });
      return {
        exitCode: result.ok ? 0 : 1,
        json: result,
        text: () => databasesTable(result),
        failures: databaseFailures(result),
      };
    },
});
