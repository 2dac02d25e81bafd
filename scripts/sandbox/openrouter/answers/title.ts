/** A short title for a conversation, made of its own words. */
import type { Message } from '../chat-request.ts';

const ASKED = /\btitle\b/i;
const CONTEXT = /\b(conversation|chat|thread|discussion|dialogue|messages?)\b/i;
const SMALL = new Set(
  (
    'a an the and or but of for to in on at by with from about as is are was were be been do does ' +
    'did can could would should will shall may might must i me my we us our you your he she it its ' +
    'they them their this that these those what which who how why when where please help tell give ' +
    'write make show explain create generate need want like some any just me hello hi hey thanks ' +
    'short title conversation user assistant'
  ).split(' '),
);

export function isTitleRequest(messages: Message[]): boolean {
  const asks = ({ text }: Message): boolean => ASKED.test(text) && CONTEXT.test(text);
  const instructions = messages.filter(({ role }) => role === 'system' || role === 'developer');
  const last = messages.at(-1)!;
  return asks(last) || (instructions.some(asks) && last.role === 'user');
}

export function answerTitle(messages: Message[]): string {
  const spoken = messages.filter(({ role }) => role === 'user');
  const last = spoken.at(-1)?.text ?? messages.at(-1)!.text;
  const earlier = spoken.slice(0, -1).find(({ text }) => text.trim() !== '')?.text;
  const source = ASKED.test(last) ? (earlier ?? quotedPart(last)) : (earlier ?? last);

  const words = source
    .toWellFormed()
    .replace(/```[\s\S]*?```/g, ' ')
    .match(/[\p{L}\p{N}][\p{L}\p{N}\p{M}'+#.-]*/gu);
  const all = (words ?? []).map((word) => word.replace(/[.'-]+$/, ''));
  const telling = all.filter((word) => !SMALL.has(word.toLowerCase()));
  const chosen = (telling.length >= 2 ? telling : all).slice(0, 5);
  const title = chosen.join(' ').slice(0, 60).trim();
  return title === '' ? 'New conversation' : title[0]!.toUpperCase() + title.slice(1);
}

/** The conversation inside a prompt that asks for its title: after the last colon or tag. */
function quotedPart(prompt: string): string {
  const tagged = /<(\w+)>([\s\S]+?)<\/\1>/.exec(prompt)?.[2];
  if (tagged) return firstTurn(tagged);
  const after = /:\s*\n?([\s\S]+)$/.exec(prompt)?.[1];
  return firstTurn(after ?? prompt.replace(/["“”]/g, ' '));
}

function firstTurn(text: string): string {
  return text
    .replace(/^\s*(user|human|person)\s*:\s*/i, '')
    .split(/\n\s*(?:assistant|ai)\s*:/i)[0]!;
}
