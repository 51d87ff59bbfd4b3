import type { Decision } from '../convert/decisions.ts';
import type { LeftOut } from '../convert/layout.ts';
import type { AdoptedFiles, FilesToAdopt } from '../operations/adopt-files.ts';
import { parseFileName } from '../project/file-name.ts';
import { commandLine } from '../text/command-line.ts';
import { fewAndMore } from '../text/few.ts';
import { count, groupBy, printable, table } from './table.ts';

/** The files to write, and the places that need a decision. */
export function conversionText(conversion: FilesToAdopt): string {
  const { tool, from, files, folders, decisions, notConverted, leftOut } = conversion;
  const sources = new Set(
    files.flatMap(({ name, from: source }) => (parseFileName(name)?.kind === 'down' ? [] : [source])),
  );
  const rows = files.map(({ scope, name, from: original, changes }) => [
    `  ${printable(`${folders[scope]}/${name}`)}`,
    `from ${printable(original)}${changes.length === 0 ? '' : `: ${changes.join(', ')}`}`,
  ]);
  return (
    `${tool ?? 'several possible tools'}: ${count(sources.size, 'migration')} of ${printable(from)}\n` +
    table(rows) +
    decisionsText(decisions) +
    listText('not SQL, converted to empty files', notConverted) +
    listText('left out', leftOut)
  );
}

function decisionsText(decisions: readonly Decision[]): string {
  if (decisions.length === 0) return '';
  const groups = groupBy(decisions, ({ what, cure }) => JSON.stringify([what, cure])).map((group) => {
    const [{ what, cure } = { what: '', cure: '' }] = group;
    const places = group.map(({ file, line, column }) => `  ${printable(`${file}:${line}:${column}`)}\n`);
    return `${places.join('')}    ${printable(what)}\n    hint: ${printable(cure)}\n`;
  });
  return `needs your decision, in ${count(decisions.length, 'place')}:\n${groups.join('')}`;
}

// `--json` has all of them.
const mostLeftOut = 20;

function listText(title: string, files: readonly LeftOut[]): string {
  if (files.length === 0) return '';
  const lines = groupBy(files, ({ why }) => why).map((group) => {
    const named = fewAndMore(
      group.map(({ file }) => printable(file)),
      mostLeftOut,
    );
    return `  ${named} (${group[0]?.why})\n`;
  });
  return `${title}:\n${lines.join('')}`;
}

/** The outcome of a conversion, and the next command; `hasScopes`: with `scopes`, public cannot become a tenant. */
export function adoptedFilesText(result: AdoptedFiles, hasScopes: boolean): string {
  const { accepted, written, from, decisions } = result;
  if (!accepted) return `${conversionText(result)}nothing was written\n`;
  const there = written === 0 ? 'all files already exist\n' : `wrote ${count(written, 'file')}\n`;
  const first = decisions.length === 0 ? '' : 'first decide what is listed above; ';
  const toTenants = result.files.some(({ scope }) => scope === 'tenant');
  const select = toTenants ? '--all' : '--public';
  const history = commandLine('adopt', '--history', '--files', from, select);
  const move = commandLine('adopt', '--public-as', 'NAME', '--files', from);
  const instead = toTenants && !hasScopes ? `or, to make the tables in public a tenant: ${move}\n` : '';
  return `${conversionText(result)}${there}${first}import the history with: ${history}\n${instead}`;
}
