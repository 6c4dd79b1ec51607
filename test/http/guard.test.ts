import { afterEach, describe, expect, it } from 'vitest';
import { bearer, denials, FROM_CART, type Running, startTestServer, TOKENS, WEBHOOK } from './running.ts';

let running: Running;
afterEach(() => running.server.close(100));

const HOOK = '/api/v1/webhooks/alertmanager';

describe('tokens', () => {
  const NEEDS: readonly (readonly [method: string, path: string, scope: string])[] = [
    ['POST', HOOK, 'intake'],
    ['POST', '/api/v1/logs', 'intake'],
    ['POST', '/api/v1/metrics', 'intake'],
    ['GET', '/api/v1/incidents', 'read'],
    ['GET', '/api/v1/incidents/x', 'read'],
    ['GET', '/api/v1/incidents/x/series', 'read'],
    ['GET', '/api/v1/incidents/x/objects', 'read'],
    ['GET', '/api/v1/incidents/x/remedies', 'read'],
    ['GET', '/api/v1/incidents/x/remedies/{n}', 'read'],
    ['POST', '/api/v1/incidents/x/acknowledge', 'triage'],
    ['POST', '/api/v1/incidents/x/resolve', 'triage'],
    ['GET', '/api/v1/mutes', 'read'],
    ['POST', '/api/v1/mutes', 'triage'],
    ['DELETE', '/api/v1/mutes/x', 'triage'],
    ['GET', '/api/v1/jobs/parked', 'read'],
    ['POST', '/api/v1/jobs/parked/x/retry', 'triage'],
    ['GET', '/api/v1/addresses', 'read'],
    ['POST', '/api/v1/can', 'read'],
    ['POST', '/api/v1/simulate', 'read'],
    ['GET', '/api/v1/workloads', 'read'],
    ['GET', '/api/v1/policy', 'read'],
    ['GET', '/api/v1/traffic', 'read'],
    ['GET', '/api/v1/observations', 'read'],
    ['GET', '/api/v1/status', 'read'],
    ['GET', '/api/v1/quarantine', 'read'],
    ['GET', '/api/v1/events', 'read'],
    ['GET', '/api/v1/posture', 'read'],
    ['GET', '/api/v1/rules', 'read'],
    ['GET', '/metrics', 'read'],
  ];

  it.each(NEEDS)('%s %s takes only a token with the scope %s', async (method, path, scope) => {
    running = await startTestServer({ tokens: TOKENS });
    const ask = (headers = {}) => running.ask(method, path, { headers });
    const none = await ask();
    expect([none.status, none.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="denywhy"']);
    expect((await ask({ Authorization: 'Bearer wrong-token-0000000' })).status).toBe(401);
    expect((await ask({ Authorization: `Basic ${Buffer.from('ann:ann-token-000000000003').toString('base64')}` })).status).toBe(401);
    for (const { name, scopes } of TOKENS) {
      const { status, body } = await ask(bearer(name));
      if ((scopes as readonly string[]).includes(scope)) expect([401, 403]).not.toContain(status);
      else expect([status, body.detail]).toEqual([403, `This token has not the scope ${scope}.`]);
    }
  });

  it('are not replaced by headers that a proxy in front could have written', async () => {
    running = await startTestServer({ tokens: TOKENS });
    const identity = 'admin.security.serviceaccount.identity.linkerd.cluster.local';
    for (const name of ['l5d-client-id', 'X-Forwarded-For', 'X-Forwarded-Client-Cert', 'X-Remote-User', 'X-Forwarded-User']) {
      const { status } = await running.ask('GET', '/api/v1/incidents', { headers: { [name]: identity } });
      expect([name, status]).toEqual([name, 401]);
    }
    await running.ask('POST', '/api/v1/logs', {
      body: denials('10.9.0.3'),
      headers: { ...bearer('collector'), ...FROM_CART, 'l5d-client-id': identity },
    });
    expect(JSON.stringify((await running.ask('GET', '/api/v1/incidents', { headers: bearer('viewer') })).body)).not.toContain('security');
  });

  it('are needed by every operation of the document but those that are open', async () => {
    running = await startTestServer({ tokens: TOKENS });
    const { body } = await running.ask('GET', '/openapi.json');
    const all = Object.entries(body.paths as Record<string, Record<string, { security?: [] }>>).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { security }]) => ({
        what: `${method.toUpperCase()} ${path}`,
        isOpen: security !== undefined,
      })),
    );
    expect(all.filter((o) => o.isOpen).map((o) => o.what)).toEqual([
      ...['GET /api/v1/session', 'POST /api/v1/session', 'DELETE /api/v1/session', 'GET /healthz', 'GET /readyz'],
      ...['GET /runbooks', 'GET /runbooks/{id}', 'GET /diagnoses/{id}', 'GET /openapi.json'],
    ]);
    const named = NEEDS.map(([method, path]) => `${method} ${path.replace('/x', '/{id}')}`);
    expect(
      all
        .filter((o) => !o.isOpen)
        .map((o) => o.what)
        .sort(),
    ).toEqual(named.sort());
  });

  it('are refused before anything of the body is read', async () => {
    running = await startTestServer({ tokens: TOKENS });
    const text = await running.raw(
      `POST ${HOOK} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{`,
    );
    expect(text).toMatch(/^HTTP\/1\.1 401/);
  });

  it('leave no trace in answers, log or metrics', async () => {
    running = await startTestServer({ tokens: TOKENS });
    await running.ask('POST', HOOK, { json: WEBHOOK, headers: bearer('collector') });
    await running.ask('POST', HOOK, { json: WEBHOOK, headers: { Authorization: 'Bearer collector-token-0001x' } });
    const { body } = await running.ask('GET', '/metrics', { headers: bearer('viewer') });
    for (const { token } of TOKENS) expect(running.log() + body).not.toContain(token);
    expect(body).toContain('denywhy_http_requests_refused_total{reason="unauthorized"} 1');
  });

  it('make idempotency the sender’s own', async () => {
    running = await startTestServer({ tokens: [...TOKENS, { name: 'second', scopes: ['intake'], token: 'second-token-0000000' }] });
    const send = (token: string) =>
      running.ask('POST', '/api/v1/logs', {
        body: denials('10.9.0.3'),
        headers: { 'Content-Type': 'text/plain', ...FROM_CART, 'Idempotency-Key': 'k', Authorization: `Bearer ${token}` },
      });
    const results = [await send('collector-token-0001'), await send('second-token-0000000'), await send('collector-token-0001')];
    expect(results.map((r) => r.body.result)).toEqual(['accepted', 'accepted', 'known']);
  });

  it('are not needed for /metrics where configuration opens it', async () => {
    running = await startTestServer({ tokens: TOKENS, isMetricsOpen: true });
    expect((await running.ask('GET', '/metrics')).status).toBe(200);
  });
});

describe('a page of another origin', () => {
  const post = async (headers: string) =>
    (
      await running.raw(
        `POST ${HOOK} HTTP/1.1\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 13\r\n${headers}\r\n{"alerts":[]}`,
      )
    ).slice(9, 12);

  it.each([
    ['Origin of another site', 'Host: 127.0.0.1\r\nOrigin: https://evil.example\r\n', '403'],
    ['Origin null, as of a file or a sandbox', 'Host: 127.0.0.1\r\nOrigin: null\r\n', '403'],
    ['Origin with another port', 'Host: 127.0.0.1:8417\r\nOrigin: http://127.0.0.1:9999\r\n', '403'],
    ['Sec-Fetch-Site: cross-site', 'Host: 127.0.0.1\r\nSec-Fetch-Site: cross-site\r\n', '403'],
    ['Sec-Fetch-Site: same-site', 'Host: 127.0.0.1\r\nSec-Fetch-Site: same-site\r\n', '403'],
    ['a name that was made to point here', 'Host: rebound.example\r\n', '421'],
    ['a name that begins like an address', 'Host: 127.0.0.1.evil.example\r\n', '421'],
    ['its own page', 'Host: 127.0.0.1:8417\r\nOrigin: http://127.0.0.1:8417\r\nSec-Fetch-Site: same-origin\r\n', '200'],
    ['a program', 'Host: localhost:8417\r\n', '200'],
    ['a program over IPv6', 'Host: [::1]:8417\r\n', '200'],
  ])('%s', async (_name, headers, status) => {
    running = await startTestServer();
    expect(await post(headers)).toBe(status);
  });

  it('may not read either, by a name that was made to point here', async () => {
    running = await startTestServer();
    expect(await running.raw('GET /api/v1/incidents HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 421/,
    );
  });

  it('is kept out by its name only where no token does it', async () => {
    running = await startTestServer({ tokens: TOKENS });
    const text = await running.raw(
      `GET /api/v1/incidents HTTP/1.1\r\nHost: denywhy.monitoring.svc\r\nAuthorization: Bearer viewer-token-00000002\r\nConnection: close\r\n\r\n`,
    );
    expect(text).toMatch(/^HTTP\/1\.1 200/);
  });
});

it('every answer carries the headers that keep a browser from making more of it', async () => {
  running = await startTestServer();
  for (const path of ['/healthz', '/api/v1/incidents', '/nowhere']) {
    const { headers } = await running.ask('GET', path);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('access-control-allow-origin')).toBeNull();
  }
});
