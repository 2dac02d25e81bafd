// npm run billing:replay [-- EVENT_ID]: applies dead webhooks again, or one event. Safe at any time.
import { runCommand } from '../command.ts';
import { post } from './stack-env.ts';

interface Replayed {
  id: string;
  event: string | null;
  state: string;
  outcome: string | null;
}

await runCommand(async () => {
  const eventId = process.argv[2];
  const body = eventId ? { event_id: eventId } : {};
  const replayed = (await post('/rest/v1/rpc/replay_webhooks', body)) as Replayed[];
  if (replayed.length === 0) console.log(eventId ? 'There is no such event.' : 'None is dead.');
  for (const { id, event, state, outcome } of replayed) {
    console.log(`${state}  ${event ?? '?'}  ${id}  ${outcome ?? ''}`);
  }
  if (replayed.some(({ state }) => state === 'dead')) process.exitCode = 1;
});
