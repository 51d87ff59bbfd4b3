import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { globalOptions } from '../src/cli/options.ts';
import { referenceText } from '../src/cli/reference.ts';
import { commands } from '../src/cli/registry.ts';

// After a change of commands: npx vitest run test/reference.test.ts -u
test('docs/reference.md is what the definitions of the commands say', async () => {
  const all = await Promise.all(Object.values(commands).map((load) => load()));
  const file = fileURLToPath(new URL('../docs/reference.md', import.meta.url));
  await expect(referenceText(all, globalOptions)).toMatchFileSnapshot(file);
});
