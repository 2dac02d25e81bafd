import { createServer } from 'node:http';
import sirv from 'sirv';

/**
 * Serves a built site as any static host would: the file if there is one, else the fallback page.
 * What the browser gets is byte for byte what would be deployed, the content security policy too.
 */
export async function serveSite(directory: string, port: number): Promise<() => Promise<void>> {
  const site = sirv(directory, {
    single: '200.html',
    extensions: ['html'],
    setHeaders(response, path) {
      // Named by what is in them.
      if (path.startsWith('/_app/immutable/'))
        response.setHeader('cache-control', 'public, max-age=31536000, immutable');
    },
  });
  const server = createServer((request, response) => site(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
}
