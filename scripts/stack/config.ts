import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'smol-toml';

/** The parts of supabase/config.toml that the local stack obeys; the CLI reads the same file. */
export interface Config {
  api: { schemas: string[]; extra_search_path: string[]; max_rows: number };
  auth: {
    additional_redirect_urls: string[];
    jwt_expiry: number;
    enable_signup: boolean;
    enable_refresh_token_rotation: boolean;
    refresh_token_reuse_interval: number;
    minimum_password_length: number;
    password_requirements: string;
    email: {
      enable_confirmations: boolean;
      double_confirm_changes: boolean;
      otp_length: number;
      otp_expiry: number;
      template?: Record<string, { subject: string; content_path: string }>;
    };
    external?: Record<string, { client_id: string; secret: string }>;
  };
  storage: { file_size_limit: string };
  functions?: Record<string, { enabled?: boolean; verify_jwt?: boolean }>;
}

export function readConfig(root: string, env: NodeJS.ProcessEnv): Config {
  const text = readFileSync(join(root, 'supabase/config.toml'), 'utf8');
  return fillIn(parse(text), env) as Config;
}

/** `env(NAME)` stands for a variable, as the CLI has it; an unset one is empty. */
function fillIn(value: unknown, env: NodeJS.ProcessEnv): unknown {
  if (typeof value === 'string') {
    const name = /^env\((\w+)\)$/.exec(value)?.[1];
    return name ? (env[name] ?? '') : value;
  }
  if (Array.isArray(value)) return value.map((one) => fillIn(one, env));
  if (value === null || typeof value !== 'object' || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, fillIn(one, env)]));
}
