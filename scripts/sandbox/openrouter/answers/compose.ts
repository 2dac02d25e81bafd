/**
 * Writes the sandbox model's answer. It depends on nothing but the request, the model and the
 * behaviour asked for, so the same request is always answered with the same words.
 */
import type { Behaviour } from '../behaviour.ts';
import type { ChatRequest, Message } from '../chat-request.ts';
import { hash } from '../hash.ts';
import type { Model } from '../model.ts';
import { answerCode, isAboutCode } from './code.ts';
import { gatherMaterial, valueFor } from './json-value.ts';
import { answerLanguage } from './language.ts';
import { longAnswer } from './long.ts';
import { answerMaths, isAboutMaths } from './maths.ts';
import { drawPicture } from './picture.ts';
import {
  answerAnything,
  answerComparison,
  answerDiagram,
  answerEssay,
  answerGreeting,
  answerPlan,
} from './prose.ts';
import { think } from './thinking.ts';
import { answerTitle, isTitleRequest } from './title.ts';
import { answerToolResults, chooseToolCalls, type ToolCall } from './tools.ts';
import { describeMedia } from './vision.ts';

export interface Answer {
  reasoning: string;
  text: string;
  toolCalls: ToolCall[];
  /** Data URLs. */
  pictures: string[];
}

const HUGE = 1_000_000;
const MULTI_BYTE = 'Grüße aus dem Sandkasten 🏖️: naïve café, 東京, नमस्ते, Ω ≈ 3. '.repeat(8);
const ALWAYS_THINKS =
  /(:thinking|thinking|\/o\d|gpt-5|-r1|qwq|-think|gemini-2\.5-pro|gemini-3|grok-4(?!.*fast)|minimax-m|deep-research)/;

export function composeAnswer(request: ChatRequest, model: Model, behaviour: Behaviour): Answer {
  const prompt = lastPrompt(request.messages);
  const answer: Answer = {
    reasoning: reasoningFor(request, model, prompt),
    text: '',
    toolCalls: [],
    pictures: [],
  };
  const given = givenText(request, model, behaviour);
  if (given !== null) return { ...answer, text: given };

  answer.toolCalls = chooseToolCalls(request, prompt);
  if (answer.toolCalls.length > 0) return answer;
  if (request.json) {
    const schema = request.json === true ? null : request.json.schema;
    return { ...answer, text: jsonText(schema, prompt) };
  }
  if (isTitleRequest(request.messages)) return { ...answer, text: answerTitle(request.messages) };
  if (drawsPictures(request, model)) {
    answer.pictures = [drawPicture(prompt)];
    return { ...answer, text: 'Here is the picture, drawn by the sandbox.' };
  }
  const opening = hash(JSON.stringify(request.messages), request.seed ?? 0);
  return { ...answer, text: `${body(request, model, prompt, opening)}\n\n${signature(model)}` };
}

function body(request: ChatRequest, model: Model, prompt: string, opening: number): string {
  const last = request.messages.at(-1)!;
  if (last.role === 'tool') return answerToolResults(request);
  if (last.media.length > 0) return describeMedia(last.media);
  if (/\b(diagram|flow ?chart|mermaid|sequence chart)\b/i.test(prompt))
    return answerDiagram(prompt);
  if (/^\W*(hi|hello|hey|good (morning|evening|day)|yo)\b.{0,40}$/i.test(prompt)) {
    return answerGreeting(model.name);
  }
  const foreign = answerLanguage(prompt);
  if (foreign !== null) return foreign;
  if (/\bcompar(e|ison)\b|\bvs\.?\b|\bversus\b|\btable of\b/i.test(prompt)) {
    return answerComparison(prompt);
  }
  if (isAboutCode(prompt)) return answerCode(prompt);
  if (isAboutMaths(prompt)) return answerMaths(prompt);
  if (/\b(plan|checklist|steps|to-?do|roadmap|how do i|how can i)\b/i.test(prompt)) {
    return answerPlan(prompt);
  }
  if (/\b(essay|story|article|blog post|long|poem|report)\b/i.test(prompt)) {
    return answerEssay(prompt);
  }
  return answerAnything(prompt, opening);
}

/** Texts that were asked for to the letter, or that a fault needs to show itself. */
function givenText(request: ChatRequest, model: Model, behaviour: Behaviour): string | null {
  if (behaviour.answer !== null) return behaviour.answer;
  if (behaviour.length !== null) return longAnswer(behaviour.length);
  if (behaviour.fault === 'empty') return '';
  if (behaviour.fault === 'split-utf8') return MULTI_BYTE;
  if (behaviour.fault === 'huge-frame') return longAnswer(HUGE);
  if (model.id === 'sandbox/echo') return request.messages.at(-1)!.text;
  return null;
}

function reasoningFor(request: ChatRequest, model: Model, prompt: string): string {
  const { enabled, tokens } = request.reasoning;
  if (enabled === false || !model.supported_parameters.includes('reasoning')) return '';
  if (enabled === null && !ALWAYS_THINKS.test(model.id)) return '';
  return think(prompt, tokens ?? 120);
}

function drawsPictures(request: ChatRequest, model: Model): boolean {
  if (!model.architecture.output_modalities.includes('image')) return false;
  return request.modalities.length === 0 || request.modalities.includes('image');
}

function jsonText(schema: unknown, prompt: string): string {
  const material = gatherMaterial(prompt);
  if (schema !== null) return JSON.stringify(valueFor(schema, material));
  return JSON.stringify({ answer: `A sandbox answer to: ${material.text}`, sandbox: true });
}

function signature(model: Model): string {
  return `*This is the sandbox speaking in the place of **${model.name}**. With a key for OpenRouter the real model answers here.*`;
}

function lastPrompt(messages: Message[]): string {
  const spoken = messages.findLast(({ role }) => role === 'user') ?? messages.at(-1)!;
  return spoken.text.slice(0, 20_000);
}
