// npm run db:types: writes the types of `api` that the site and the functions share.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { runCommand } from '../command.ts';
import { generateTypes, typesFile } from './generate-types.ts';
import { startScratch } from './scratch.ts';

await runCommand(async () => {
  await using scratch = await startScratch();
  const types = await generateTypes(await scratch.database('types', 'schemas'));
  mkdirSync(dirname(typesFile), { recursive: true });
  writeFileSync(typesFile, types);
  console.log(`wrote ${relative(process.cwd(), typesFile)}`);
});
