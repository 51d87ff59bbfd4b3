/** What a file's name says it is. */
type FileName =
  | { readonly kind: 'versioned'; readonly version: string; readonly name: string }
  | { readonly kind: 'down'; readonly version: string; readonly name: string }
  | { readonly kind: 'repeatable'; readonly name: string };

const versioned = /^V?(\d{1,18})(?:__|_|-)(.+?)(\.down)?\.sql$/su;
// A repeatable has no way back: `.down` would be run as one.
const repeatable = /^R__(.+)(?<!\.down)\.sql$/su;
// Digits, one separator and more digits: a date, a version of several parts, or a name that begins with a number.
const severalNumbers = /^([VU]?)(\d+(?:[-_.]\d+)+)(?![\p{L}\p{N}])(.*?)((?:\.down)?\.sql)$/su;
const flywayUndo = /^U(\d{1,18})__(.+)\.sql$/su;
const postgrator = /^(\d{1,18})\.(do|undo)\.(.+)\.sql$/su;
const wayBack = /^(.+)\.(?:rollback|undo)\.sql$/su;

// The rule in words, for messages.
const fileNameRule =
  '<version>_<name>.sql, <version>_<name>.down.sql or R__<name>.sql, where <version> is 1 to 18 digits';

/**
 * Reads a migration's file name; `null` if it fits no rule. Separators `__` and `-` and a leading `V` are accepted.
 * More digits after one separator are not: `2024-01-05_x.sql` would be version 2024.
 */
export function parseFileName(fileName: string): FileName | null {
  const name = repeatable.exec(fileName)?.[1];
  if (name !== undefined) return { kind: 'repeatable', name };
  if (severalNumbers.test(fileName) || wayBack.test(fileName)) return null;
  const match = versioned.exec(fileName);
  if (match?.[1] === undefined || match[2] === undefined) return null;
  return { kind: match[3] === undefined ? 'versioned' : 'down', version: match[1], name: match[2] };
}

// What Prisma, Drizzle, Diesel and Hasura write into the folder of a migration.
const inFolder = /(?:^|[/\\])([^/\\]+)[/\\](?:(?:migration|up)|(down))\.sql$/;

/**
 * The name that determines the version of a file, by its path in the folder of its scope: its own name, or the name
 * of its folder for `<version>_<name>/migration.sql`, `up.sql` and `down.sql`.
 */
export function countedName(path: string): string {
  const [, folder, down] = inFolder.exec(path) ?? [];
  const ofFolder = folder === undefined ? null : `${folder}${down === undefined ? '' : '.down'}.sql`;
  return ofFolder !== null && parseFileName(ofFolder) !== null ? ofFolder : path.replace(/^.*[/\\]/s, '');
}

/** The file name for a version and a name; `__` where the name's own digits would be taken for the version's. */
export function fileNameOf(version: string, name: string): string {
  const plain = `${version}_${name}.sql`;
  return parseFileName(plain) === null ? `${version}__${name}.sql` : plain;
}

/** What is wrong with a file name that fits no rule, and the name that it should have. */
export function nameProblem(fileName: string): { readonly problem: string; readonly hint: string } {
  const undo = flywayUndo.exec(fileName);
  if (undo !== null) {
    return {
      problem: "this is Flyway's name for an undo migration",
      hint: `name it ${undo[1]}_${undo[2]}.down.sql`,
    };
  }
  const numbers = severalNumbers.exec(fileName);
  if (numbers !== null) return severalNumbersProblem(numbers);
  const dotted = postgrator.exec(fileName);
  if (dotted !== null) {
    const ending = dotted[2] === 'undo' ? '.down.sql' : '.sql';
    return {
      problem: 'the name does not follow the rules',
      hint: `name it ${dotted[1]}_${dotted[3]}${ending}`,
    };
  }
  const back = wayBack.exec(fileName);
  if (back !== null) {
    return {
      problem: 'the name of a down file ends in .down.sql',
      hint: `name it ${back[1]}.down.sql`,
    };
  }
  return { problem: 'the name does not follow the rules', hint: `a name is ${fileNameRule}` };
}

function severalNumbersProblem([, prefix, digits = '', rest = '', ending = '']: RegExpExecArray) {
  const problem = `a version is one number, and "${digits}" is several`;
  const name = rest.replace(/^[-_.]+/, '') || '<name>';
  const way = prefix === 'U' ? '.down.sql' : ending;
  const number = asOneNumber(digits);
  const whole = number === null ? null : `${number}_${name}${way}`;
  const [first] = digits.split(/[-_.]/);
  if (isDate(digits) && whole !== null) return { problem, hint: `name it ${whole}` };
  // Flyway reads all of it as the version, so it cannot be anything else.
  if (prefix !== '' || /^\d+\./.test(digits)) {
    const hint =
      whole === null
        ? 'write the version as one number of 1 to 18 digits, in the order of the old ones'
        : `name it ${whole}, and number all files the same way: each part after the first has three digits, and all files have as many parts`;
    return { problem, hint };
  }
  const own = `${first}__${digits.slice((first ?? '').length + 1)}${rest}${way}`;
  const other = whole === null ? '' : `, or ${whole} if it is ${digits}`;
  return { problem, hint: `name it ${own} if the version is ${first}${other}` };
}

/**
 * Joins several numbers into one that keeps the order among names with as many parts; `null` if that is impossible.
 */
function asOneNumber(digits: string): string | null {
  const [first = '', ...rest] = digits.split(/[-_.]/);
  const width = isDate(digits) ? 2 : 3;
  if (width === 3 && rest.some((part) => part.length > width)) return null;
  const number = first + rest.map((part) => part.padStart(width, '0')).join('');
  return number.length > 18 ? null : number;
}

/** The digits of a date that is divided, such as `2024-01-05-123000`, as one number; `null` if it is no date. */
export function dateAsNumber(digits: string): string | null {
  return isDate(digits) ? asOneNumber(digits) : null;
}

/** True for a day or month with or without a time, however it is divided. */
function isDate(digits: string): boolean {
  if (/^(?:19|20)\d{6}[-_.](?:\d{4}|\d{6})$/.test(digits)) return true;
  const [year = '', month = '', day = '01'] = digits.split(/[-_.]/);
  const within = (part: string, most: number) =>
    part.length <= 2 && Number(part) >= 1 && Number(part) <= most;
  return /^(?:19|20)\d\d$/.test(year) && within(month, 12) && within(day, 31);
}
