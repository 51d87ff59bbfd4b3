import { type Command, usageOf } from '../../src/cli/command.ts';
import type { Flag, OptionSet } from '../../src/cli/flag.ts';

/** The reference of all commands in Markdown, generated from their definitions. */
export function referenceText(commands: readonly Command[], everywhere: OptionSet): string {
  return [
    '# Command reference\n',
    'Generated from the definitions that `--help` shows. Flags can be written as `--flag value` or `--flag=value`; `NAMES` are separated by commas, and a `DURATION` has a unit, such as `500ms`, `30s` or `15m`.\n',
    ...commands.map(commandText),
    '## Global flags\n',
    flagTable(everywhere),
  ].join('\n');
}

function commandText(command: Command): string {
  const { name, describe, positionals = {}, options, examples } = command;
  const places = Object.entries(positionals).map(([key, { describe: what }]) => `- \`${key}\`: ${what}\n`);
  return [
    `## sqlmig ${name}\n`,
    `${describe}.\n`,
    `\`\`\`\n${usageOf(command)}\n\`\`\`\n`,
    ...(places.length === 0 ? [] : [places.join('')]),
    ...(Object.keys(options).length === 0 ? [] : [flagTable(options)]),
    `${examples.map(([args, what]) => `- \`sqlmig ${args}\`: ${what}\n`).join('')}`,
  ].join('\n');
}

function flagTable(options: OptionSet): string {
  const shown = Object.entries(options).filter(([, { hidden }]) => hidden !== true);
  const rows = shown.map(
    ([flag, option]) =>
      `| ${option.alias?.length !== 1 ? '' : `\`-${option.alias}\`, `}\`--${flag}\` | ${typeOf(option)} | ${cell(option.describe)}${defaultOf(option)} |\n`,
  );
  return `| flag | takes | does |\n|---|---|---|\n${rows.join('')}`;
}

function typeOf(flag: Flag): string {
  if ('takes' in flag) return flag.takes.replaceAll('|', ' or ');
  return flag.choices?.join(' or ') ?? '';
}

function defaultOf({ type, default: value }: Flag): string {
  return value === undefined || type === 'boolean' ? '' : ` (default: \`${value}\`)`;
}

function cell(text: string | undefined): string {
  return (text ?? '').replaceAll('|', '\\|');
}
