import { demoAccount, ensureDemoAccount } from './stack/demo-account.ts';
import { readArguments } from './stack/main.ts';
import { runUntilStopped } from './stack/run-until-stopped.ts';
import { startSite } from './stack/site.ts';
import { startStack } from './stack/stack.ts';

await runUntilStopped(async (alert) => {
  const options = readArguments(process.argv.slice(2));
  const stack = await startStack({ ...options, watchFiles: true, alert });
  try {
    if (stack.isDemo) await ensureDemoAccount(stack.url, stack.publishableKey);
    const site = await startSite({
      port: stack.ports.site,
      alert,
      env: {
        PUBLIC_SUPABASE_URL: stack.url,
        PUBLIC_SUPABASE_PUBLISHABLE_KEY: stack.publishableKey,
        PUBLIC_RAZORPAY_URL: stack.checkoutUrl,
        PUBLIC_DEMO: String(stack.isDemo),
        PUBLIC_OAUTH_PROVIDERS: stack.providers.join(','),
      },
    });
    const demo = `
Sign up, or sign in as ${demoAccount.email} with the password ${demoAccount.password}
Models answer from a sandbox; put OPENROUTER_API_KEY in .env for the real ones.
`;
    console.log(`
OneAI runs on ${site.url}
${stack.isDemo ? demo : ''}
  API       ${stack.url}
  Mails     ${stack.mailUrl}
  Postgres  ${stack.databaseUrl}

Ctrl-C stops everything.`);
    return {
      failed: site.ended,
      async stop() {
        await site.stop();
        await stack.stop();
      },
    };
  } catch (error) {
    await stack.stop();
    throw error;
  }
});
