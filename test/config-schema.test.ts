import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configSchema } from './setup/config-schema.ts';

test('schema/config.json is what checks a config; update it with vitest -u', async () => {
  await expect(`${JSON.stringify(configSchema(), null, 2)}\n`).toMatchFileSnapshot('../schema/config.json');
});

test('every key of the schema is in docs/config.md', () => {
  const { properties } = configSchema() as { properties: Record<string, unknown> };
  const page = readFileSync(new URL('../docs/config.md', import.meta.url), 'utf8');
  expect(Object.keys(properties).filter((key) => !page.includes(`\`${key}\``))).toEqual([]);
});
