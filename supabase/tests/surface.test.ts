// The golden text is the exposed surface as it was last agreed to; `npm run db:surface` renews it.
import { expect } from 'vitest';
import { openDatabase, test } from './database.ts';
import { describeSurface } from './surface.ts';

test('the surface is the one that was agreed to', async () => {
  await using database = await openDatabase('plain');
  await expect(await describeSurface(database.owner)).toMatchFileSnapshot('surface.golden.txt');
});
