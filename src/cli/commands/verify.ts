import { verify } from '../../operations/verify.ts';
import { everySchema } from '../../project/selection.ts';
import { type Ignorable, ignorable } from '../../project/structure-settings.ts';
import { databaseFailures } from '../../report/error.ts';
import { fixPlanText } from '../../report/fix-plan.ts';
import { findingAnnotations } from '../../report/github.ts';
import { verifyText } from '../../report/verify.ts';
import { defineCommand } from '../command.ts';
import { nameList, readSelectorOptions, selectionOf, usage } from '../options.ts';

/** `sqlmig verify`. */
export const verifyCommand = defineCommand()({
  name: 'verify',
  describe: 'Check that every history matches the files; exit 1 on any difference',
  options: {
    ...readSelectorOptions,
    'check-pending': { type: 'boolean', default: false, describe: 'Treat pending migrations as failures' },
    strict: { type: 'boolean', default: false, describe: 'Treat warnings as failures' },
    structure: {
      type: 'boolean',
      default: false,
      describe: 'Also compare the objects of every schema with what its files build',
    },
    siblings: {
      type: 'boolean',
      default: false,
      describe: 'Also compare the objects of the tenants with each other',
    },
    ignore: {
      type: 'string',
      array: true,
      takes: 'NAMES',
      describe: `Exclude from the comparison: ${ignorable.join(',')}`,
    },
    'fix-plan': {
      type: 'boolean',
      default: false,
      describe: 'Print SQL that would remove the differences, without running it',
    },
  },
  examples: [
    ['verify', 'changed, missing and out-of-order files, in every schema'],
    ['verify --check-pending', 'also fail if a migration is pending'],
    ['verify --structure', 'also find objects that differ from what the files build'],
    ['verify --structure --fix-plan > fix.sql', 'SQL that would remove the differences'],
    ['verify --json', 'machine-readable output'],
  ],
  prepare: (args) => {
    const select = selectionOf(args) ?? everySchema;
    const { strict, checkPending, fixPlan } = args;
    const structure = basisOf(args);
    const ignore = nameList(args.ignore ?? []);
    const unknown = ignore.find((word) => !(ignorable as readonly string[]).includes(word));
    if (unknown !== undefined) throw usage(`--ignore takes ${ignorable.join(', ')}, not "${unknown}"`);
    const [needy] = [...(ignore.length > 0 ? ['--ignore'] : []), ...(fixPlan ? ['--fix-plan'] : [])];
    if (structure === null && needy !== undefined) throw usage(`${needy} requires --structure or --siblings`);
    return async ({ config, signal, onEvent }) => {
      if (fixPlan && config.otherDatabases.length > 0)
        throw usage('--fix-plan is for one database', `select one: --database ${config.database.name}`);
      const result = await verify(config, {
        ...{ select, strict, checkPending, signal, onEvent, fixPlan },
        ...(structure !== null && { structure, ignore: ignore as Ignorable[] }),
      });
      return {
        exitCode: result.ok ? 0 : 1,
        failures: databaseFailures(result),
        json: result,
        text: (paint) => (fixPlan ? fixPlanText(result) : verifyText(result, paint)),
        annotations: () =>
          findingAnnotations(result.findings, (finding) =>
            (finding.kind === 'lint' || 'warning' in finding) && !strict ? 'warning' : 'error',
          ),
      };
    };
  },
});

function basisOf({ structure, siblings }: { readonly structure: boolean; readonly siblings: boolean }) {
  if (structure && siblings)
    throw usage('--structure and --siblings cannot be combined', 'give only one of them');
  return structure ? 'files' : siblings ? 'siblings' : null;
}
