import { fileFormat } from '../conversation-file.ts';
import { isChatGpt, readChatGpt } from './chatgpt.ts';
import { isClaude, readClaude } from './claude.ts';
import { type ImportedConversation, type Source, isFields } from './imported.ts';

export const largestFile = 200 * 1024 * 1024;

export interface ImportFile {
  source: Source;
  conversations: ImportedConversation[];
}

/** A file that cannot be brought along, in words for the person who chose it. */
export class ImportProblem extends Error {
  override name = 'ImportProblem';
}

function parse(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch (error) {
    const isCut = !/[\]}]\s*$/.test(content);
    throw new ImportProblem(
      isCut
        ? 'The file breaks off in the middle. Download it again and check that the download finished.'
        : 'This is not a JSON file. Choose conversations.json out of the unpacked export.',
      { cause: error },
    );
  }
}

function read(value: unknown): ImportFile {
  if (isFields(value) && value['format'] === fileFormat && Array.isArray(value['conversations'])) {
    // What is none is left to the database to name.
    const listed = value['conversations'].map((one: unknown) => (isFields(one) ? one : {}));
    return { source: 'oneai', conversations: listed as unknown as ImportedConversation[] };
  }
  const list = Array.isArray(value) ? value : [value];
  if (list.length === 0) throw new ImportProblem('There are no conversations in this file.');
  if (list.some(isChatGpt)) {
    return { source: 'chatgpt', conversations: list.filter(isChatGpt).map(readChatGpt) };
  }
  if (list.some(isClaude)) {
    return { source: 'claude', conversations: list.filter(isClaude).map(readClaude) };
  }
  throw new ImportProblem(
    'This JSON is no export that is known here. Choose conversations.json of ChatGPT or Claude, or a file exported here.',
  );
}

/** The conversations of an export, whichever of the known kinds it is. */
export function readImport(name: string, bytes: Uint8Array): ImportFile {
  if (bytes.length === 0) throw new ImportProblem('The file is empty.');
  if (bytes.length > largestFile) {
    throw new ImportProblem('The file is larger than 200 MB. Split it, or export fewer months.');
  }
  if (bytes[0] === 0x50 && bytes[1] === 0x4b) {
    throw new ImportProblem(
      `${name} is a zip archive. Unpack it and choose conversations.json out of it.`,
    );
  }
  let content: string;
  try {
    content = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new ImportProblem('This is not a text file.', { cause: error });
  }
  return read(parse(content));
}
