import { defineEnvVars } from '@sveltejs/kit/env';

function url(value: string | undefined): string {
  if (!value || !URL.canParse(value)) {
    throw new Error('must be the URL of the Supabase API; `npm run dev` at the root sets it');
  }
  return value.replace(/\/$/, '');
}

function key(value: string | undefined): string {
  if (!value) throw new Error('must be the publishable key of the Supabase project');
  return value;
}

/** All of it is public and inlined at build time: the site is static and has no secrets. */
export const variables = defineEnvVars({
  PUBLIC_SUPABASE_URL: {
    public: true,
    static: true,
    schema: url,
    description: 'Origin of the Data API, Auth, Storage and Functions.',
  },
  PUBLIC_SUPABASE_PUBLISHABLE_KEY: {
    public: true,
    static: true,
    schema: key,
    description:
      'The `sb_publishable_…` key; it only names the project, row-level security decides.',
  },
  PUBLIC_RAZORPAY_URL: {
    public: true,
    static: true,
    schema: (value) => value || 'https://checkout.razorpay.com',
    description: "Origin of Razorpay's checkout script; the local stack puts its sandbox here.",
  },
  PUBLIC_DEMO: {
    public: true,
    static: true,
    schema: (value) => value === 'true',
    description: 'True while sandbox models answer; the shell then says so.',
  },
  PUBLIC_OAUTH_PROVIDERS: {
    public: true,
    static: true,
    schema: (value) => value ?? '',
    description: 'Comma list of configured sign-in providers, such as `google,github`.',
  },
});
