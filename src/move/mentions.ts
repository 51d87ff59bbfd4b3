import type { Obstacle } from '../adopt/foreign-histories.ts';
import { currentSchemaLine, lineOf, type Mention, mentionsOf } from '../sql/qualifiers.ts';
import { catalogOids } from './inventory.ts';
import type { FunctionText, PrintedText } from './texts.ts';

/** A function whose body names objects that would move. */
export interface FunctionRewrite {
  readonly oid: string;
  readonly identity: string;
  /** The lines that name it. */
  readonly lines: readonly string[];
}

/** A function whose own `search_path` has the schema. */
export interface SearchPathChange {
  readonly oid: string;
  readonly identity: string;
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** The uses of a schema's name in the texts of a database. */
export interface Mentions {
  readonly obstacles: readonly Obstacle[];
  /** Function bodies that can be rewritten. */
  readonly rewrites: readonly FunctionRewrite[];
  readonly paths: readonly SearchPathChange[];
  /** Texts that may behave differently after the move, in words. */
  readonly notes: readonly string[];
}

/** The rules for judging mentions. */
export interface MentionRules {
  readonly schema: string;
  readonly as: string;
  /** Names of objects that would move. */
  readonly moved: ReadonlySet<string>;
  /** Names of objects that stay. */
  readonly kept: ReadonlySet<string>;
  /** Catalogs and OIDs of objects that stay. */
  readonly keptIds: ReadonlySet<string>;
  readonly rewriteFunctions: boolean;
}

type MutableMentions = { -readonly [K in keyof Mentions]: Mentions[K][number][] };

/** Finds uses of the schema's name in functions, and in expressions as PostgreSQL prints them. */
export async function findMentions(
  functions: readonly FunctionText[],
  printed: readonly PrintedText[],
  rules: MentionRules,
): Promise<Mentions> {
  const found: MutableMentions = { obstacles: [], rewrites: [], paths: [], notes: [] };
  for (const text of functions) await checkFunction(text, rules, found);
  for (const text of printed) await checkExpression(text, rules, found);
  return found;
}

async function checkFunction(text: FunctionText, rules: MentionRules, found: MutableMentions): Promise<void> {
  const { oid, identity, language, body, path, isOwned } = text;
  const { schema, as } = rules;
  const stays = rules.keptIds.has(`${catalogOids.pg_proc}:${oid}`);
  if (!stays && path?.includes(schema) && !path.includes(as)) {
    const to = path.flatMap((name) => (name === schema ? [as, schema] : [name]));
    if (isOwned) found.paths.push({ oid, identity, from: path, to });
    else found.obstacles.push(notOwned(identity, `its search_path names ${schema}`));
  }
  const mentions = await mentionsOf(body, schema);
  const shown = (list: readonly Mention[]) => [
    ...new Set(list.map(({ line }) => `line ${line}: ${lineOf(body, line)}`)),
  ];
  const current = await currentSchemaLine(body);
  if (!stays && current !== null)
    found.notes.push(
      `function ${identity} asks for the current schema, which will be ${as} (line ${current}: ${lineOf(body, current)})`,
    );
  const inCode = mentions.filter((mention) => mention.in === 'code' && isAbout(mention, rules));
  const inText = mentions.filter((mention) => mention.in === 'text' && isAbout(mention, rules));
  const bare = mentions.filter((mention) => mention.in === 'schema');
  if (bare.length > 0)
    found.notes.push(`function ${identity} contains the name ${schema} in a string (${shown(bare)[0]})`);
  const line = ownPathLine(body, schema);
  if (line !== null)
    found.notes.push(
      `function ${identity} sets a search_path with ${schema} itself (line ${line}: ${lineOf(body, line)})`,
    );
  if (inText.length > 0) {
    found.obstacles.push({
      message: `function ${identity} names ${schema} in a string: ${shown(inText).join('; ')}`,
      hint: `redefine it without "${schema}."`,
    });
  }
  if (inCode.length === 0) return;
  if (stays) {
    found.obstacles.push({
      message: `function ${identity} stays, but names what would move: ${shown(inCode).join('; ')}`,
      hint: 'keep that as well, or let the function move',
    });
    return;
  }
  const canRewrite =
    ['sql', 'plpgsql'].includes(language) && inCode.every((mention) => isSure(mention, rules));
  if (!canRewrite) {
    const why = ['sql', 'plpgsql'].includes(language)
      ? 'a name that both stays and moves'
      : `in language ${language}, which sqlmig does not rewrite`;
    found.obstacles.push({
      message: `function ${identity} names ${schema}, ${why}: ${shown(inCode).join('; ')}`,
      hint: `redefine it without "${schema}."`,
    });
  } else if (!isOwned) found.obstacles.push(notOwned(identity, `its body names ${schema}`));
  else {
    found.rewrites.push({ oid, identity, lines: shown(inCode) });
    if (!rules.rewriteFunctions)
      found.obstacles.push({
        message: `function ${identity} names ${schema}: ${shown(inCode).join('; ')}`,
        hint: `to replace it with "${as}" in the same transaction, pass --rewrite-functions`,
      });
  }
}

/** The line in which a body sets a search_path with a schema in it. */
function ownPathLine(body: string, schema: string): number | null {
  for (const { index, 1: path = '' } of body.matchAll(/\bsearch_path\b'?\s*(?:=|to\b|,)([^;)]*)/gi))
    if (path.split(/[\s,'"]+/).includes(schema)) return body.slice(0, index).split('\n').length;
  return null;
}

function notOwned(identity: string, why: string): Obstacle {
  return {
    message: `function ${identity} belongs to another role, and ${why}`,
    hint: 'use its owner, or a member of that role',
  };
}

async function checkExpression(
  { what, text }: PrintedText,
  rules: MentionRules,
  found: MutableMentions,
): Promise<void> {
  const mentions = (await mentionsOf(text, rules.schema)).filter((mention) => mention.in !== 'code');
  const stops = mentions.filter((mention) => mention.in === 'text' && isAbout(mention, rules));
  if (stops.length > 0) {
    const names = [...new Set(stops.map(({ name }) => `'${rules.schema}.${name ?? ''}'`))].join(', ');
    found.obstacles.push({
      message: `${what} looks up ${names} by name, and would no longer find it`,
      hint: `define it again without "${rules.schema}." in the string`,
    });
  } else if (mentions.some((mention) => mention.in === 'schema'))
    found.notes.push(`${what} contains the name ${rules.schema} in a string`);
  if ((await currentSchemaLine(text)) !== null)
    found.notes.push(`${what} asks for the current schema, which will be ${rules.as}`);
}

/** True if a mention refers, or may refer, to an object that would move. */
function isAbout({ name, in: where }: Mention, { moved }: MentionRules): boolean {
  return name === null ? where === 'text' : moved.has(name);
}

function isSure({ name }: Mention, { kept }: MentionRules): boolean {
  return name !== null && !kept.has(name);
}
