import type { RunEvent } from '../events.ts';
import type { ServerWarning } from '../results.ts';

/** The notices of a server in many schemas, grouped by file and text. */
export interface NoticeGroups {
  add(notice: RunEvent & { readonly type: 'server-notice' }): void;
  /** One for each text of a file, in the order in which they came. */
  list(): ServerWarning[];
  /** How many more groups `list` leaves out. */
  others(): number;
}

// A text that contains an id or a number of rows differs in each tenant.
const mostGroups = 1_000;
const mostNames = 10;

/** Groups the important notices of a server as they arrive. */
export function createNoticeGroups(): NoticeGroups {
  const groups = new Map<
    string,
    { readonly warning: Omit<ServerWarning, 'count'>; readonly names: string[]; readonly schemas: BitSet }
  >();
  const numbers = new Map<string, number>();
  let others = 0;
  const numberOf = (schema: string) => {
    const number = numbers.get(schema) ?? numbers.size;
    numbers.set(schema, number);
    return number;
  };
  return {
    add({ important, severity, sqlstate, message, schema, file, line }) {
      if (!important) return;
      const key = JSON.stringify([severity, sqlstate, message, file, line]);
      let group = groups.get(key);
      if (group === undefined) {
        if (groups.size === mostGroups) {
          others += 1;
          return;
        }
        const names: string[] = [];
        const place = { ...(file !== undefined && { file }), ...(line !== undefined && { line }) };
        group = {
          warning: { severity, sqlstate, message, ...place, schemas: names },
          names,
          schemas: createBitSet(),
        };
        groups.set(key, group);
      }
      if (schema === undefined || !group.schemas.add(numberOf(schema))) return;
      if (group.names.length < mostNames) group.names.push(schema);
    },
    list: () => [...groups.values()].map(({ warning, schemas }) => ({ ...warning, count: schemas.size() })),
    others: () => others,
  };
}

/** A set of small numbers that takes one bit per number. */
interface BitSet {
  /** Returns false if the set already has the number. */
  add(number: number): boolean;
  size(): number;
}

function createBitSet(): BitSet {
  let bits = new Uint8Array(8);
  let size = 0;
  return {
    add(number) {
      const at = number >> 3;
      const bit = 1 << (number & 7);
      if (at >= bits.length) {
        const more = new Uint8Array(2 * (at + 1));
        more.set(bits);
        bits = more;
      }
      if (((bits[at] ?? 0) & bit) !== 0) return false;
      bits[at] = (bits[at] ?? 0) | bit;
      size += 1;
      return true;
    },
    size: () => size,
  };
}
