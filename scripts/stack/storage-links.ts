// Signed links as the platform's client expects them. The library names their fields otherwise,
// puts in front of them what the client puts there itself, and takes a list of paths for one path.

type Ask = (request: Request) => Promise<Response>;

interface Link {
  signedUrl: string;
  token?: string;
}

const linkRoute = /^\/storage\/v1\/object\/(upload\/)?sign\/[^/]+(\/.+)?$/;

/** The answer to a request for signed links; nothing for any other request. */
export async function answerLinks(request: Request, ask: Ask): Promise<Response | undefined> {
  const { pathname } = new URL(request.url);
  const [matched, upload, path] = linkRoute.exec(pathname) ?? [];
  if (!matched || request.method !== 'POST') return undefined;
  if (!upload && !path) return answerMany(request, ask);
  const response = await ask(request);
  if (!response.ok) return response;
  const { signedUrl, token } = (await response.json()) as Link;
  const link = signedUrl.replace('/storage/v1', '');
  return Response.json(upload ? { url: link, token } : { signedURL: link });
}

async function answerMany(request: Request, ask: Ask): Promise<Response> {
  const { paths, expiresIn } = (await request.json()) as { paths: string[]; expiresIn: number };
  const links = paths.map(async (path) => {
    const one = new Request(`${request.url}/${path.split('/').map(encodeURIComponent).join('/')}`, {
      method: 'POST',
      headers: request.headers,
      body: JSON.stringify({ expiresIn }),
    });
    const response = await ask(one);
    const answer = (await response.json()) as Partial<Link> & { message?: string };
    const signedURL = answer.signedUrl?.replace('/storage/v1', '') ?? null;
    return { path, signedURL, error: signedURL ? null : (answer.message ?? 'Not found') };
  });
  return Response.json(await Promise.all(links));
}
