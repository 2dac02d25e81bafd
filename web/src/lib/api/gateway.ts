import { PUBLIC_SUPABASE_URL } from '$app/env/public';

/** What a developer sets as the base URL of an SDK. */
export const gatewayUrl = `${PUBLIC_SUPABASE_URL}/functions/v1/gateway/v1`;
