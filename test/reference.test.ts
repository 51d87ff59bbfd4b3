import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { globalOptions } from '../src/cli/options.ts';
import { commands } from '../src/cli/registry.ts';
import { referenceText } from './setup/reference.ts';

// After a change of commands: npx vitest run test/reference.test.ts -u
test('docs/reference.md is generated from the definitions of the commands', async () => {
  const all = await Promise.all(Object.values(commands).map((load) => load()));
  const file = fileURLToPath(new URL('../docs/reference.md', import.meta.url));
  await expect(referenceText(all, globalOptions)).toMatchFileSnapshot(file);
});
