import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync } from 'node:fs';
import { copyFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import type { App } from '@supabase/lite';

type StorageAdapter = NonNullable<App['_storageAdapter']>;
type ObjectMetadata = Awaited<ReturnType<StorageAdapter['headObject']>>;

/** The bytes of Storage, in a folder. A file is named by the hash of its key, so any key is safe. */
export function openFileStore(folder: string): StorageAdapter {
  mkdirSync(folder, { recursive: true });
  const fileOf = (bucket: string, key: string) =>
    join(folder, createHash('sha256').update(`${bucket}/${key}`).digest('hex'));

  const read = async (file: string): Promise<ObjectMetadata> => {
    const kept = JSON.parse(await readFile(`${file}.json`, 'utf8')) as ObjectMetadata;
    return { ...kept, lastModified: new Date(kept.lastModified ?? 0), httpStatusCode: 200 };
  };
  const remove = async (file: string) => {
    await rm(file, { force: true });
    await rm(`${file}.json`, { force: true });
  };

  return {
    driver: undefined,
    async uploadObject(bucket, key, _version, body, contentType, cacheControl) {
      const file = fileOf(bucket, key);
      const part = `${file}.${randomUUID()}`;
      const hash = createHash('md5');
      let size = 0;
      const source =
        body instanceof Uint8Array
          ? Readable.from([body])
          : Readable.fromWeb(body as ReadableStream);
      source.on('data', (chunk: Uint8Array) => {
        hash.update(chunk);
        size += chunk.length;
      });
      try {
        await pipeline(source, createWriteStream(part));
        await rename(part, file);
      } catch (error) {
        await rm(part, { force: true });
        throw error;
      }
      const metadata: ObjectMetadata = {
        cacheControl,
        contentLength: size,
        size,
        mimetype: contentType,
        eTag: `"${hash.digest('hex')}"`,
        lastModified: new Date(),
        httpStatusCode: 200,
      };
      await writeFile(`${file}.json`, JSON.stringify(metadata));
      return metadata;
    },
    async getObject(bucket, key) {
      const file = fileOf(bucket, key);
      const metadata = await read(file);
      return {
        metadata,
        httpStatusCode: 200,
        body: Readable.toWeb(createReadStream(file)),
      };
    },
    headObject: (bucket, key) => read(fileOf(bucket, key)),
    deleteObject: (bucket, key) => remove(fileOf(bucket, key)),
    async deleteObjects(bucket, keys) {
      await Promise.all(keys.map((key) => remove(fileOf(bucket, key))));
    },
    async copyObject(bucket, key, _version, toBucket, toKey) {
      const from = fileOf(bucket, key);
      const to = fileOf(toBucket, toKey);
      await copyFile(from, to);
      await copyFile(`${from}.json`, `${to}.json`);
      const { eTag, lastModified } = await read(to);
      return { httpStatusCode: 200, eTag, ...(lastModified ? { lastModified } : {}) };
    },
    // Only image transformers ask for it, and this stack has none.
    privateAssetUrl: (bucket, key) => Promise.resolve(`file://${fileOf(bucket, key)}`),
  };
}
