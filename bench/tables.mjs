// Turns as rows of a table.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

// The kernel counts CPU in hundredths of a second, so only the mean of several turns says something about short ones.
function row(name, turns) {
  const of = (field) => turns.map((turn) => turn[field]);
  const ms = median(of('ms'));
  const peaks = (field) => turns[0][field] !== undefined && { [field]: Math.max(...of(field)) };
  return {
    name,
    ms,
    least: Math.min(...of('ms')),
    most: Math.max(...of('ms')),
    client: mean(of('client')),
    server: mean(of('server')),
    rounds: turns.length,
    ...peaks('program'),
    ...peaks('backend'),
  };
}

/**
 * Rows of a table: medians, extremes, CPU, and the ratio to `base`: the median of the ratios of the rounds, in which all
 * have had the same machine.
 */
export function rows(results, base) {
  const before = results.get(base) ?? [];
  return [...results].map(([name, turns]) => ({
    ...row(name, turns),
    ratio: median(turns.map(({ ms }, round) => ms / (before[round]?.ms ?? Number.NaN))),
  }));
}

// Beyond this, two medians of five rounds can come in either order.
const mostSpread = 0.3;

/** How far apart the turns of a row are, relative to the median. */
export const spread = ({ ms, least, most }) => (most - least) / ms;

/** Tells whether a row's turns are too far apart for its median to mean much. */
export const isUnsteady = (one) => spread(one) > mostSpread;

/** A table as text, with a warning after each unsteady row. */
export function tableText(title, table, base) {
  const lines = table.map((one) => {
    const { name, ms, least, most, ratio, client, server, rounds, program, backend } = one;
    const memory =
      program === undefined ? '' : `  peak MB ${program.toFixed(0)}, backend ${backend.toFixed(0)}`;
    const warning = isUnsteady(one) ? `  ! spread ${(spread(one) * 100).toFixed(0)} %` : '';
    return `  ${name.padEnd(34)} ${ms.toFixed(0).padStart(8)} ms  (${least.toFixed(0)} to ${most.toFixed(0)}, ${rounds} rounds)  ${ratio.toFixed(2)} x ${base}  CPU ${client.toFixed(0)} + server ${server.toFixed(0)}${memory}${warning}`;
  });
  return [`\n${title}`, ...lines].join('\n');
}
