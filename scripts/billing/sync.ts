// npm run billing:sync: makes every price of a plan known to Razorpay. Safe to run again.
import { runCommand } from '../command.ts';
import { post } from './stack-env.ts';

await runCommand(async () => {
  const { result } = (await post('/functions/v1/jobs', { task: 'sync-prices' })) as {
    result: { made: number; found: number };
  };
  console.log(`${result.made} plans made at Razorpay, ${result.found} found there.`);
});
