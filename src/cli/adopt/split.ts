import { type FinishSplitOptions, finishSplit } from '../../operations/finish-split.ts';
import { type SplitRowsOptions, splitRows } from '../../operations/split-rows.ts';
import { finishPlanText } from '../../report/finish-split.ts';
import { splitObstaclesText, splitPlanText, splitText } from '../../report/split.ts';
import type { Work } from '../command.ts';
import { confirms, exitCodeOfSchema, exitCodeOfSchemas } from '../execute.ts';
import { changeArgs, changeOptions, usage, yesOption } from '../options.ts';
import { defineMode } from './mode.ts';

const example = 'adopt --split-by tenant_id --tenants-from "select id, schema_name from customers"';

/** `sqlmig adopt --split-by`. */
export const splitMode = defineMode({
  flag: 'split-by',
  showsDatabase: true,
  options: {
    'split-by': {
      type: 'string',
      takes: 'COLUMN',
      describe: 'Copy the rows of shared tables to one schema per tenant, by this column',
    },
    'tenants-from': {
      type: 'string',
      takes: 'QUERY',
      describe: "Query that returns each tenant's id and schema",
    },
    finish: {
      type: 'boolean',
      default: false,
      describe: 'Drop the shared tables whose rows have been copied',
    },
    'discard-unowned': {
      type: 'boolean',
      default: false,
      describe: 'With --finish: also drop rows that belong to no tenant',
    },
    'accept-tenant-changes': {
      type: 'boolean',
      default: false,
      describe: 'With --finish: accept changes to rows of tenants since the copy',
    },
    ...changeOptions,
    ...yesOption,
  },
  examples: [
    [example, 'copy the rows of each customer to a separate schema, after confirmation'],
    [`${example} --finish`, 'compare them again and drop the shared tables, after confirmation'],
  ],
  prepare: (args, terminal) => {
    const { splitBy, tenantsFrom, discardUnowned, acceptTenantChanges } = args;
    if (!splitBy) throw usage('--split-by takes the name of a column');
    if (!tenantsFrom) throw usage('--split-by requires --tenants-from');
    const isAgreed = async (question: string) => args.yes || (await confirms(terminal, question));
    const query = { ...changeArgs(args), splitBy, tenantsFrom };
    if (args.finish)
      return finishing({
        ...query,
        discardUnowned,
        acceptTenantChanges,
        accept: (plan) => isAgreed(`${finishPlanText(plan)}Drop these tables?`),
      });
    if (discardUnowned) throw usage('--discard-unowned requires --finish');
    if (acceptTenantChanges) throw usage('--accept-tenant-changes requires --finish');
    return splitting({ ...query, accept: (plan) => isAgreed(`${splitPlanText(plan)}Copy these rows?`) });
  },
});

function splitting(options: SplitRowsOptions): Work {
  return async ({ config, signal, onEvent }) => {
    const result = await splitRows(config, { ...options, signal, onEvent });
    const { obstacles, accepted, schemas } = result;
    const failures = schemas.filter(({ state }) => state === 'failed');
    const done = accepted && failures.length === 0;
    return {
      exitCode: done ? 0 : exitCodeOfSchemas(failures.map(({ error }) => error)),
      json: { ok: done, ...result },
      text: () =>
        splitPlanText(result) +
        splitObstaclesText(obstacles) +
        splitText(schemas) +
        (accepted ? '' : 'nothing was changed\n') +
        (done ? nextText : ''),
      failures,
    };
  };
}

const nextText =
  'the shared tables are unchanged; drop them with --finish when the application uses the schemas\n';

function finishing(options: FinishSplitOptions): Work {
  return async ({ config, signal, onEvent }) => {
    const result = await finishSplit(config, { ...options, signal, onEvent });
    const { dropped, error } = result;
    return {
      exitCode: exitCodeOfSchema(dropped, error),
      json: { ok: dropped, ...result },
      text: () =>
        finishPlanText(result) +
        splitObstaclesText(result.obstacles) +
        (dropped ? 'the shared tables were dropped\n' : 'nothing was dropped\n'),
      failures: error === undefined ? [] : [{ schema: config.publicSchema, error }],
    };
  };
}
