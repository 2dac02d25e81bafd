/** `/chat/completions`: from the request to the last byte, and to the bill. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Run } from './accounting.ts';
import { composeAnswer } from './answers/compose.ts';
import type { Behaviour } from './behaviour.ts';
import { answeringName, findModel } from './catalogue.ts';
import { type ChatRequest, parseChatRequest } from './chat-request.ts';
import { type Bill, billFor, complete, type Completion, usageJson } from './completion.ts';
import { behaviourFor, breakInstead, raiseStatusFault } from './faults.ts';
import { errorChunk, framesOf, type Head, nativeFinish, wholeAnswer } from './frames.ts';
import { hash } from './hash.ts';
import { newGenerationId, sendRefusal } from './http.ts';
import type { Usage } from './money.ts';
import { cacheUse, measurePrompt, type PromptSize } from './prompt-size.ts';
import { Refusal } from './refusal.ts';
import { sendWhole } from './reply.ts';
import { answerLimit, chooseRoute, type Route } from './route.ts';
import type { Sandbox } from './sandbox.ts';
import { type Sent, sendSteps } from './stream.ts';
import { COMMENT, stepsOf } from './wire.ts';

/** Everything that was decided before the first byte of an answer. */
interface Plan {
  route: Route;
  behaviour: Behaviour;
  limit: number;
}

export async function answerChat(
  sandbox: Sandbox,
  run: Run,
  body: Record<string, unknown>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const session = request.headers['x-session-id'];
  const chat = parseChatRequest(body, typeof session === 'string' ? session : null);
  run.requested = chat.models[0]!;
  run.user = chat.user;
  run.session_id = chat.sessionId;
  run.stream = chat.stream;

  const size = measurePrompt(chat);
  const plan = firstThatAnswers(sandbox, run, chat, size);
  const { route, behaviour } = plan;
  run.model = route.model.id;
  run.provider = route.provider.name;
  run.fault = behaviour.fault;
  run.status = 200;
  if (await breakInstead(behaviour, request, response, chat.stream)) {
    const isHung = behaviour.fault === 'hang' || behaviour.fault === 'hang-after-headers';
    if (isHung) noteAbort(sandbox, run, 'stopped');
    sandbox.accounting.close(run, isHung ? 'aborted' : 'broken', 0n);
    return;
  }

  const done = complete(composeAnswer(chat, route.model, behaviour), plan.limit, chat);
  if (behaviour.fault === 'empty') done.finish = null;
  const usage: Usage = {
    prompt: size.tokens,
    images: size.images,
    ...cacheUse(size, route.pricing, behaviour.cachedTokens),
    completion: done.completionTokens,
    reasoning: done.reasoningTokens,
  };
  const bill = billFor(route.pricing, usage);
  if (done.finish === null) bill.total = bill.prompt = 0n;

  const head: Head = {
    id: newGenerationId(),
    created: Math.floor(Date.now() / 1000),
    model: answeringName(route.model),
    provider: route.provider,
  };
  run.generation_id = head.id;
  run.prompt_tokens = usage.prompt;
  await deliver(sandbox, run, { ...plan, chat, done, bill, head, size }, response);
}

interface Delivery extends Plan {
  chat: ChatRequest;
  done: Completion;
  bill: Bill;
  head: Head;
  size: PromptSize;
}

async function deliver(
  sandbox: Sandbox,
  run: Run,
  delivery: Delivery,
  response: ServerResponse,
): Promise<void> {
  const { chat, done, bill, head, behaviour } = delivery;
  const options = {
    tokensPerFrame: behaviour.tokensPerFrame,
    hideReasoning: chat.reasoning.exclude,
    topLogprobs: chat.topLogprobs,
  };
  const usage = usageJson(bill, done.pictureTokens);
  response.setHeader('x-generation-id', head.id);
  if (!chat.stream) {
    const answer = wholeAnswer(head, done, behaviour.fault === 'no-usage' ? null : usage, options);
    const settleFirst = (): void => settle(sandbox, run, delivery, wholeSent(done), true);
    const heard = await sendWhole(response, answer, behaviour, done.completionTokens, settleFirst);
    if (!heard) settle(sandbox, run, delivery, wholeSent(done), false);
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.write(COMMENT);
  const sent: Sent = { frames: 0, tokens: 0, reasoningTokens: 0 };
  const steps = stepsOf(framesOf(head, done, usage, options), behaviour, errorChunk(head));
  const byItself = await sendSteps(response, steps, behaviour, sent);
  settle(sandbox, run, delivery, sent, byItself);
}

const BROKEN = new Set(['die-mid-stream', 'end-early', 'error-chunk', 'broken-json']);
const STUCK = new Set(['hang-mid-stream', 'comments-forever']);

/** Charges what the provider's rule says, and leaves the generation record. */
function settle(
  sandbox: Sandbox,
  run: Run,
  { route, behaviour, done, bill, head, size }: Delivery,
  sent: Sent,
  byItself: boolean,
): void {
  const { fault } = behaviour;
  const isBroken = fault !== null && BROKEN.has(fault);
  const isCut = (isBroken && fault !== 'broken-json') || (fault !== null && STUCK.has(fault));
  const wholeIsCharged = !isCut && (byItself || !run.stream || !route.provider.stopsOnAbort);
  const usage: Usage = wholeIsCharged
    ? bill.usage
    : { ...bill.usage, completion: sent.tokens, reasoning: sent.reasoningTokens };

  const final: Bill = wholeIsCharged ? { ...bill } : billFor(route.pricing, usage);
  const isFree = fault === 'error-chunk' || (!wholeIsCharged && sent.tokens === 0);
  if (isFree) final.total = final.prompt = 0n;
  if (fault === 'billed-more') final.total = (final.total * 3n) / 2n;

  run.frames_sent = sent.frames;
  run.completion_tokens = usage.completion;
  run.reasoning_tokens = usage.reasoning;
  if (!byItself) noteAbort(sandbox, run, wholeIsCharged ? 'continued' : 'stopped');
  const finish = fault === 'error-chunk' ? 'error' : wholeIsCharged ? done.finish : null;
  if (fault !== 'no-generation') {
    sandbox.generations.add(head.id, {
      run,
      model: head.model,
      router: route.router,
      bill: final,
      finish,
      nativeFinish: finish === 'error' ? 'error' : nativeFinish(head, finish),
      cancelled: !byItself,
      pictures: done.pictures.length,
      media: size.media,
      latencyMs: Math.min(behaviour.delayMs, sandbox.accounting.millisecondsSince(run)),
      totalMs: sandbox.accounting.millisecondsSince(run),
      misses: behaviour.generationMisses,
    });
  }
  const outcome = !byItself ? 'aborted' : isBroken ? 'broken' : 'completed';
  sandbox.accounting.close(run, outcome, final.total);
}

/** Tries the models in order, as OpenRouter does, and remembers which failed. */
function firstThatAnswers(sandbox: Sandbox, run: Run, chat: ChatRequest, size: PromptSize): Plan {
  const unknown = chat.models.find((id) => !findModel(id));
  if (unknown !== undefined) throw new Refusal(400, `${unknown} is not a valid model ID`);

  const prompt = chat.sessionId ?? String(hash(JSON.stringify(chat.messages)));
  let refusal: Refusal | undefined;
  for (const id of chat.models) {
    try {
      const route = chooseRoute(id, chat, size);
      const limit = answerLimit(route.model, chat, size);
      const { accounting, defaults } = sandbox;
      const modelId = route.model.id;
      const behaviour = behaviourFor(modelId, chat.behaviour, defaults, prompt, accounting);
      run.fault = behaviour.fault;
      raiseStatusFault(behaviour, modelId, route.provider.name);
      return { route, limit, behaviour };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refusal = error;
      run.attempts.push({ model: id, status: error.status });
      // An empty account or a bad key stays so, whatever the model.
      if (error.status === 401 || error.status === 402) break;
    }
  }
  throw refusal!;
}

function noteAbort(sandbox: Sandbox, run: Run, billing: 'stopped' | 'continued'): void {
  run.aborted = {
    after_ms: sandbox.accounting.millisecondsSince(run),
    frames_sent: run.frames_sent,
    billing,
  };
}

function wholeSent(done: Completion): Sent {
  return { frames: 1, tokens: done.completionTokens, reasoningTokens: done.reasoningTokens };
}

/** Answers an error that was raised before the first byte, and closes the run. */
export function refuse(
  sandbox: Sandbox,
  run: Run,
  refusal: Refusal,
  response: ServerResponse,
): void {
  run.status = refusal.status;
  sandbox.accounting.close(run, 'refused', 0n);
  sendRefusal(response, refusal);
}
