// Links in mails that only the browser which asked for them can use (PKCE): following one gives a
// code, and the code is worth a session only together with the secret that browser kept. The
// library does this for providers such as Google, but not for mails.
import { randomUUID } from 'node:crypto';
import type { Sql } from 'postgres';

export interface Challenge {
  value: string;
  method: string;
}

export interface MailLinks {
  /** Remembers who asked; the token then goes into the link under another name. */
  begin(userId: string, method: string, challenge: Challenge, token: string): Promise<string>;
  /** What follows the link: the library's answer, with a code in place of a session. */
  follow(url: URL, ask: (url: URL) => Promise<Response>): Promise<Response>;
}

const mark = 'pkce_';

export function createMailLinks(sql: Sql): MailLinks {
  return {
    async begin(userId, method, challenge, token) {
      await sql`
        insert into auth.flow_state
          (id, user_id, authentication_method, provider_type, code_challenge, code_challenge_method)
        values
          (${randomUUID()}, ${userId}, ${method}, 'email', ${challenge.value}, ${challenge.method})`;
      return `${mark}${token}`;
    },

    async follow(url, ask) {
      const token = url.searchParams.get('token') ?? '';
      if (!token.startsWith(mark)) return ask(url);
      const plain = new URL(url);
      plain.searchParams.set('token', token.slice(mark.length));
      const answer = await ask(plain);
      const target = new URL(answer.headers.get('location') ?? url);
      const session = new URLSearchParams(target.hash.slice(1)).get('access_token');
      if (!session) return answer;

      const { sub, session_id } = claimsOf(session);
      // Nobody holds its tokens: the session that counts is made for the code.
      await sql`delete from auth.sessions where id = ${session_id}`;
      const code = randomUUID();
      const begun = await sql`
        update auth.flow_state
        set auth_code = ${code}, auth_code_issued_at = now(), created_at = now()
        where id = (
          select id from auth.flow_state
          where user_id = ${sub} and provider_type = 'email' and auth_code is null
          order by created_at desc limit 1
        )`;
      target.hash = '';
      if (begun.count === 1) target.searchParams.set('code', code);
      else target.searchParams.set('error_code', 'flow_state_not_found');
      return new Response(null, { status: 303, headers: { location: target.href } });
    },
  };
}

function claimsOf(token: string): { sub: string; session_id: string } {
  const [, payload = ''] = token.split('.');
  return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as {
    sub: string;
    session_id: string;
  };
}
