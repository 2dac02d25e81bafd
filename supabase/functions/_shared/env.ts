/** The settings a function runs with, under the platform's names. */
export interface Env {
  supabaseUrl: string;
  publishableKey: string;
  secretKey: string;
}

type Source = { get(name: string): string | undefined };

/** Read once at start: a function that lacks a setting must not answer requests at all. */
export function readEnv(source: Source = Deno.env): Env {
  return {
    supabaseUrl: requireEnv('SUPABASE_URL', source),
    publishableKey: requireKey('SUPABASE_PUBLISHABLE_KEYS', 'SUPABASE_ANON_KEY', source),
    secretKey: requireKey('SUPABASE_SECRET_KEYS', 'SUPABASE_SERVICE_ROLE_KEY', source),
  };
}

export function requireEnv(name: string, source: Source = Deno.env): string {
  const value = source.get(name);
  if (!value) throw new Error(`The environment variable ${name} is not set.`);
  return value;
}

/** The platform gives its keys as JSON by name, and an older single one under another name. */
function requireKey(name: string, olderName: string, source: Source): string {
  const named = source.get(name);
  if (!named) return requireEnv(olderName, source);
  const key = parseKeys(named)?.['default'];
  if (!key) throw new Error(`The environment variable ${name} holds no key named "default".`);
  return key;
}

function parseKeys(text: string): Record<string, string> | undefined {
  try {
    return JSON.parse(text) as Record<string, string>;
  } catch {
    return undefined;
  }
}
