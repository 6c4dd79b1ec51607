/** Signing in: the token becomes a cookie that is as good as the header, and no better. */
import { afterEach, describe, expect, it } from 'vitest';
import { bearer, type Running, startTestServer, TOKENS } from './running.ts';

let running: Running;
afterEach(() => running.server.close(0));

const signIn = (token: string, headers = {}) => running.ask('POST', '/api/v1/session', { json: { token }, headers });
const cookieOf = (headers: Headers) => headers.get('set-cookie')?.split(';', 1)[0] ?? '';

describe('with tokens', () => {
  it('a token that is known becomes a cookie with its scopes, that no script reads and no other site sends', async () => {
    running = await startTestServer({ tokens: TOKENS });
    const { status, headers, body } = await signIn('viewer-token-00000002');
    expect([status, body]).toEqual([200, { needsToken: true, name: 'viewer', scopes: ['read'] }]);
    expect(headers.get('set-cookie')).toMatch(/^denywhy-session=[\w-]+; HttpOnly; SameSite=Strict$/);
    const Cookie = `other=1; ${cookieOf(headers)}`;
    expect((await running.ask('GET', '/api/v1/session', { headers: { Cookie } })).body).toEqual(body);
    expect((await running.ask('GET', '/api/v1/incidents', { headers: { Cookie } })).status).toBe(200);
    const mute = { target: {}, reason: 'a test', expiresAt: '2030-01-01T00:00:00Z' };
    expect((await running.ask('POST', '/api/v1/mutes', { headers: { Cookie }, json: mute })).status).toBe(403);
  });

  it('is for TLS alone where a proxy in front speaks it', async () => {
    running = await startTestServer({ tokens: TOKENS });
    const { headers } = await signIn('viewer-token-00000002', { 'X-Forwarded-Proto': 'https' });
    expect(headers.get('set-cookie')).toMatch(/; Secure$/);
  });

  it('a header counts more than a cookie', async () => {
    running = await startTestServer({ tokens: TOKENS });
    const Cookie = cookieOf((await signIn('viewer-token-00000002')).headers);
    const headers = { ...bearer('ann'), Cookie };
    expect((await running.ask('GET', '/api/v1/session', { headers })).body).toMatchObject({ name: 'ann' });
    expect((await running.ask('GET', '/api/v1/incidents', { headers: { Authorization: 'Bearer wrong', Cookie } })).status).toBe(401);
  });

  it('an unknown token, and a page of another origin, are refused without a cookie', async () => {
    running = await startTestServer({ tokens: TOKENS });
    for (const answer of [await signIn('wrong'), await signIn('viewer-token-00000002', { Origin: 'http://evil.example' })])
      expect([answer.status >= 401, answer.headers.get('set-cookie')]).toEqual([true, null]);
    expect((await running.ask('GET', '/api/v1/session')).body).toEqual({ needsToken: true, name: null, scopes: [] });
    expect(running.log()).not.toContain('viewer-token-00000002');
  });

  it('is forgotten by signing out', async () => {
    running = await startTestServer({ tokens: TOKENS });
    const { status, headers } = await running.ask('DELETE', '/api/v1/session');
    expect([status, headers.get('set-cookie')]).toEqual([204, expect.stringMatching(/^denywhy-session=;.*Max-Age=0/)]);
  });
});

it('without tokens everyone may do everything', async () => {
  running = await startTestServer();
  expect((await running.ask('GET', '/api/v1/session')).body).toEqual({
    needsToken: false,
    name: 'local',
    scopes: ['intake', 'read', 'triage'],
  });
});

it('pages of findings are open to all, and nothing else of the disk is', async () => {
  running = await startTestServer({ tokens: TOKENS });
  expect(await running.ask('GET', '/diagnoses/identity-not-listed')).toMatchObject({ status: 200, body: expect.stringContaining('# ') });
  for (const id of ['README', 'nothing', '..%2Fsecurity', '%2Fetc%2Fpasswd'])
    expect((await running.ask('GET', `/diagnoses/${id}`)).status).toBe(404);
});
