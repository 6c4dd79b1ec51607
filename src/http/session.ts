/** Who asks, for pages: a browser keeps the token as a cookie that no script can read, and that no other site can make it send. */
import type { Request } from 'express';
import * as z from 'zod';
import { type Guard, type Known, SESSION_COOKIE } from './auth.ts';
import { jsonOperation, type Operation, operation } from './operation.ts';
import type { Shared } from './options.ts';
import { Problem } from './problem.ts';
import * as shapes from './schemas.ts';

const PATH = '/api/v1/session';
/** Bytes: anybody may send one. */
const LONGEST_BODY = 8192;
const EVERYTHING: Known = { name: 'local', scopes: ['intake', 'read', 'triage'] };

export function sessionOperations({ limits, budget }: Shared, guard: Guard): readonly Operation[] {
  const show = (known: Known | null): z.input<typeof shapes.session> => {
    const { name, scopes } = guard.needsToken ? (known ?? { name: null, scopes: [] }) : EVERYTHING;
    return { needsToken: guard.needsToken, name, scopes: [...scopes] };
  };
  return [
    operation({
      id: 'getSession',
      method: 'get',
      path: PATH,
      summary: 'Who asks, and what they may do',
      scope: null,
      query: z.strictObject({}),
      answers: { 200: { description: 'Who it is', schema: shapes.session } },
      handle: async ({ request }) => ({ status: 200, body: show(guard.who(request)) }),
    }),
    jsonOperation({
      id: 'signIn',
      method: 'post',
      path: PATH,
      summary: 'Keep a token as a cookie (HttpOnly, SameSite=Strict) until the browser is closed',
      scope: null,
      schema: shapes.sessionBody,
      limits: { ...limits, body: LONGEST_BODY },
      budget,
      answers: {
        200: { description: 'Who it is', schema: shapes.session },
        401: { description: 'The token is not known', schema: shapes.problem },
      },
      async handle({ request, response, body: { token } }) {
        const known = guard.find(token);
        if (guard.needsToken && known === null)
          throw new Problem(401, 'This token is not known.', 'Use a token of auth.tokens; it may have been replaced.');
        if (guard.needsToken) response.set('Set-Cookie', cookie(request, Buffer.from(token).toString('base64url')));
        return { status: 200, body: show(known) };
      },
    }),
    operation({
      id: 'signOut',
      method: 'delete',
      path: PATH,
      summary: 'Forget the cookie',
      scope: null,
      query: z.strictObject({}),
      answers: { 204: { description: 'It is forgotten' } },
      async handle({ request, response }) {
        response.set('Set-Cookie', `${cookie(request, '')}; Max-Age=0`);
        return { status: 204, body: null };
      },
    }),
  ];
}

/** Without a path of its own a browser sends it below `PREFIX/api/v1` only, whatever the prefix is (RFC 6265, 5.1.4). */
function cookie({ headers }: Request, value: string): string {
  const isSecure = headers['x-forwarded-proto'] === 'https';
  return `${SESSION_COOKIE}=${value}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`;
}
