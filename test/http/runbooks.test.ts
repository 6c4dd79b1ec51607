/** `runbook_url` of every alert leads to its page, wherever denywhy is reached, and to nothing that a browser would run. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rulePack } from '../../src/alerting/pack.ts';
import { DEFAULTS } from '../../src/alerting/settings.ts';
import { configSchema } from '../../src/config-schema.ts';
import { type Running, startTestServer, TOKENS } from './running.ts';

const RUNBOOKS = join(import.meta.dirname, '../../rules/runbooks');
let running: Running;

beforeAll(async () => {
  running = await startTestServer({ tokens: TOKENS });
});
afterAll(() => running.server.close(0));

const urls = rulePack(DEFAULTS)
  .groups.flatMap(({ rules }) => rules)
  .flatMap((rule) => ('alert' in rule ? [new URL(rule.annotations['runbook_url'] ?? '')] : []));

describe('a runbook', () => {
  it('is at the address that denywhy itself listens on, where nobody configured another', () => {
    const { listen } = configSchema.parse({});
    expect(new Set(urls.map(({ origin }) => origin))).toEqual(new Set([`http://localhost:${listen.address.port}`]));
  });

  it.each([...new Set(urls.map(({ pathname }) => pathname))])(
    '%s is the committed page, as plain text and without a token',
    async (path) => {
      const { status, headers, body } = await running.ask('GET', path);
      expect(status).toBe(200);
      expect(headers.get('content-type')).toBe('text/plain; charset=utf-8');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(body).toBe(readFileSync(join(RUNBOOKS, `${path.split('/').at(-1)}.md`), 'utf8'));
    },
  );

  it('is one of a list', async () => {
    const { body } = await running.ask('GET', '/runbooks');
    const names = [...String(body).matchAll(/^runbooks\/(\w+)$/gm)].map(([, name]) => `${name}.md`);
    expect(names.toSorted()).toEqual(readdirSync(RUNBOOKS).toSorted());
  });

  it.each([
    '/runbooks/Nothing',
    '/runbooks/%3Cscript%3E',
    '/runbooks/..%2F..%2Fpackage.json',
    '/runbooks/constructor',
    '/runbooks/__proto__',
  ])('%s is none', async (path) => {
    const { status, headers, body } = await running.ask('GET', path);
    expect([status, headers.get('content-type')]).toEqual([404, 'application/problem+json']);
    expect(JSON.stringify(body)).not.toContain('script');
  });
});
