import {
  type AdoptBaselineOptions,
  type AdoptedBaseline,
  adoptBaseline,
} from '../../operations/adopt-baseline.ts';
import { kindOf } from '../../project/scope-view.ts';
import { everySchema } from '../../project/selection.ts';
import {
  baselinesText,
  differencesText,
  leftOutText,
  refusedBaselinesText,
  replayErrorText,
  replayWayText,
} from '../../report/adopt-baseline.ts';
import { noTenantsText } from '../../report/no-tenants.ts';
import { statesText } from '../../report/repair.ts';
import { names } from '../../report/table.ts';
import type { Work } from '../command.ts';
import { confirms, exitCodeOfSchemas } from '../execute.ts';
import { changeArgs, changeOptions, selectionOf, selectorOptions, usage, yesOption } from '../options.ts';
import { defineMode } from './mode.ts';

/** `sqlmig adopt --baseline`. */
export const baselineMode = defineMode({
  flag: 'baseline',
  options: {
    baseline: {
      type: 'string',
      takes: 'VERSION',
      describe: 'Record all files up to this version as applied, if the schemas match them',
    },
    scope: {
      type: 'string',
      takes: 'NAME',
      describe: 'Record the files of this scope; first record those of all tenants',
    },
    ...selectorOptions,
    ...changeOptions,
    'accept-differences': {
      type: 'boolean',
      default: false,
      describe: 'Record the files despite differences, or if the files cannot be replayed',
    },
    ...yesOption,
  },
  examples: [
    [
      'adopt --baseline 0042 --all',
      'compare all schemas with the files up to 0042, and record the files after confirmation',
    ],
  ],
  prepare: (args, terminal) => {
    const version = args.baseline ?? '';
    if (!/^\d{1,18}$/.test(version)) throw usage('--baseline requires a version of at most 18 digits');
    const isAgreed = async (question: string) => args.yes || (await confirms(terminal, question));
    return recording({
      ...changeArgs(args),
      version,
      ...(args.scope !== undefined && { scope: args.scope }),
      select: selectionOf(args) ?? everySchema,
      acceptDifferences: args.acceptDifferences,
      accept: (found) =>
        isAgreed(`${comparedText(found)}Record these files as applied, without running them?`),
    });
  },
});

function recording(options: AdoptBaselineOptions): Work {
  return async ({ config, signal, onEvent }) => {
    const result = await adoptBaseline(config, { ...options, signal, onEvent });
    const { baselines, refused, unchanged, noTenants, accepted, schemas } = result;
    const failures = schemas.filter(({ state }) => state === 'failed');
    const selected = options.scope === undefined ? config : kindOf(config, options.scope);
    const isWithout = noTenants && baselines.length === 0 && unchanged.length === 0;
    const isOpen = refused.length > 0 || isWithout || (baselines.length > 0 && !accepted);
    const isDone = !isOpen && failures.length === 0;
    return {
      exitCode: isDone ? 0 : isOpen ? 1 : exitCodeOfSchemas(failures.map(({ error }) => error)),
      json: { ok: isDone, ...result },
      text: () =>
        comparedText(result) +
        refusedBaselinesText(refused) +
        (isWithout ? noTenantsText(selected) : '') +
        statesText(schemas) +
        (isOpen ? closing(result, options) : baselines.length === 0 ? 'there is nothing to record\n' : ''),
      failures,
    };
  };
}

type Shown = Pick<
  AdoptedBaseline,
  'baselines' | 'differences' | 'replayError' | 'replayedIn' | 'leftOut' | 'unchanged'
>;

function comparedText({
  baselines,
  differences,
  replayError,
  replayedIn,
  leftOut,
  unchanged,
}: Shown): string {
  return (
    baselinesText(baselines) +
    (unchanged.length === 0 ? '' : `unchanged, with a history: ${names(unchanged, 5)}\n`) +
    replayWayText(replayedIn) +
    leftOutText(leftOut) +
    differencesText(differences) +
    (replayError === null ? '' : replayErrorText(replayError))
  );
}

function closing(
  { refused, differences, replayError }: AdoptedBaseline,
  { acceptDifferences }: AdoptBaselineOptions,
) {
  const differs = differences.length > 0 || replayError !== null;
  const hint =
    refused.length === 0 && differs && acceptDifferences !== true
      ? 'hint: correct the schemas or the files, or accept the differences with --accept-differences\n'
      : '';
  return `nothing was changed\n${hint}`;
}
