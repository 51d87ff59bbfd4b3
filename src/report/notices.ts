import type { NoticeGroups } from '../fleet/notice-groups.ts';
import { placeOf } from './error.ts';
import { names, printable } from './table.ts';

const mostLines = 20;

/** Server messages, one line per text and file with the schemas concerned, warnings first. */
export function noticesText(groups: NoticeGroups): string {
  const all = groups.list().sort((a, b) => rank(a.severity) - rank(b.severity));
  const shown = all.slice(0, mostLines).map((warning) => {
    const { schemas, count } = warning;
    const more =
      count > 3
        ? `${schemas.slice(0, 3).map(printable).join(', ')} and ${count - 3} more`
        : names(schemas, 3);
    return `${noticeText(warning)}${more === '' ? '' : `: ${more}`}\n`;
  });
  const left = all.length - shown.length + groups.others();
  const rest = left === 0 ? '' : `and ${left} more messages from the server; --verbose shows them all\n`;
  return shown.join('') + rest;
}

/** One message of the server. */
export function noticeLine(notice: NoticeText & { readonly schema?: string }): string {
  const { schema } = notice;
  return `${noticeText(notice)}${schema === undefined ? '' : `: ${printable(schema)}`}`;
}

interface NoticeText {
  readonly severity: string;
  readonly message: string;
  readonly file?: string;
  readonly line?: number;
}

function noticeText({ severity, message, file, line }: NoticeText): string {
  const place = placeOf({ file, line });
  return `${severity}: ${printable(message)}${place === null ? '' : ` (${place})`}`;
}

function rank(severity: string): number {
  return severity === 'WARNING' ? 0 : 1;
}
