// Creates the root folder of an image: the executable, the system libraries that it loads, and licenses.
// node src/executable/root.mjs FOLDER
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [root] = process.argv.slice(2);
const built = (name) => fileURLToPath(new URL(`../../dist/executable/${name}`, import.meta.url));
const place = (from, to) => {
  mkdirSync(dirname(join(root, to)), { recursive: true });
  copyFileSync(from, join(root, to));
};

place(built('sqlmig'), 'usr/local/bin/sqlmig');
place(built('THIRD-PARTY.txt'), 'usr/share/doc/sqlmig/THIRD-PARTY.txt');
// Next to bin/ in the archives of nodejs.org.
const licenseOfNode = join(dirname(process.execPath), '../LICENSE');
if (existsSync(licenseOfNode)) place(licenseOfNode, 'usr/share/doc/sqlmig/NODE-LICENSE');
for (const name of ['libc6', 'libgcc-s1', 'libstdc++6']) {
  const license = `/usr/share/doc/${name}/copyright`;
  if (existsSync(license)) place(license, license);
}
// The executable loads the same libraries as the Node that it contains.
process.report.excludeNetwork = true;
const libraries = process.report.getReport().sharedObjects.filter((file) => file.startsWith('/'));
for (const library of libraries) place(library, library);
