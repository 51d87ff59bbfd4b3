import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configSchema } from './setup/config-schema.ts';
import { jsonText } from './setup/json-text.ts';

test('schema/config.json is what checks a config; update it with vitest -u', async () => {
  await expect(`${jsonText(configSchema())}\n`).toMatchFileSnapshot('../schema/config.json');
});

test('every key of the schema is in docs/config.md', () => {
  const { properties } = configSchema() as { properties: Record<string, unknown> };
  const page = readFileSync(new URL('../docs/config.md', import.meta.url), 'utf8');
  expect(Object.keys(properties).filter((key) => !page.includes(`\`${key}\``))).toEqual([]);
});
