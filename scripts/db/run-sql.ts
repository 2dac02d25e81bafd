import type { Sql, TransactionSql } from 'postgres';
import postgres from 'postgres';
import { StackError } from '../stack/stack-error.ts';
import { lineAt, splitStatements } from './split-statements.ts';

/** Runs a file's statements one after the other; a failure names the file, the line and the reason. */
export async function runSql(sql: Sql | TransactionSql, file: string, text: string): Promise<void> {
  for (const statement of splitStatements(text)) {
    try {
      await sql.unsafe(statement.text);
    } catch (error) {
      if (!(error instanceof postgres.PostgresError)) throw error;
      throw new StackError(`${file}, line ${lineOf(statement, error)}: ${reasonOf(error)}`);
    }
  }
}

function lineOf(statement: { text: string; line: number }, error: postgres.PostgresError): number {
  if (!error.position) return statement.line;
  // Postgres counts characters, JavaScript UTF-16 units.
  const before = Array.from(statement.text)
    .slice(0, Number(error.position) - 1)
    .join('');
  return statement.line + lineAt(before, before.length) - 1;
}

function reasonOf(error: postgres.PostgresError): string {
  return `${[error.message, error.detail, error.hint].filter(Boolean).join('; ').replace(/\.$/, '')}.`;
}
