/** Calls functions/jobs as pg_net does on the platform. */
export function createJobCaller(apiUrl: string, secretKey: string) {
  return async (task: string): Promise<void> => {
    const response = await fetch(`${apiUrl}/functions/v1/jobs`, {
      method: 'POST',
      headers: { apikey: secretKey, 'content-type': 'application/json' },
      body: JSON.stringify({ task }),
      signal: AbortSignal.timeout(160_000),
    });
    if (!response.ok)
      throw new Error(`${response.status} ${(await response.text()).slice(0, 500)}`);
    await response.body?.cancel();
  };
}
