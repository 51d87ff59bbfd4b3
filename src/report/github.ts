import type { ErrorDetails } from '../results.ts';

/** An error as a workflow command of GitHub, which shows it beside the line of the file. */
export function annotation({ code, message, file, line, column }: ErrorDetails): string {
  const place = { ...(file && { file }), ...(line && { line }), ...(column && { col: column }) };
  const properties = Object.entries({ ...place, title: `sqlmig: ${code}` }).map(
    ([key, value]) => `${key}=${escaped(String(value)).replaceAll(':', '%3A').replaceAll(',', '%2C')}`,
  );
  return `::error ${properties.join(',')}::${escaped(message)}\n`;
}

function escaped(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}
