/** The API shows an explanation under the names of `denywhy explain -o json`: the document says so, and the one is read as the other. */
import { readdirSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { explanation } from '../../src/http/explanation-schema.ts';
import { run } from '../run-command.ts';
import { startTestServer } from './running.ts';

const LOG = `demo/logs/${readdirSync('demo/logs').find((name) => name.startsWith('backend-756f7c997f-2588f'))}`;

type Named = Readonly<Record<string, unknown>>;

it('every name of a finding and of what changed is in the document, and no other', { timeout: 60_000 }, async () => {
  const { stdout } = await run([
    'explain',
    '-n',
    'production',
    'deploy/backend',
    '--cluster',
    'demo/policy-history.jsonl',
    '--logs',
    LOG,
    '-o',
    'json',
  ]);
  const said = explanation.parse(JSON.parse(stdout));
  const targets = said.clients.flatMap((client) => client.targets);
  const findings = [...targets.flatMap((target) => target.findings), ...said.standing];
  const turns = targets.flatMap(({ changed }) => [changed?.turned ?? [], changed?.repaired ?? []].flat());
  expect([findings.length > 0, turns.length > 0, targets.some(({ now }) => now !== null)]).toEqual([true, true, true]);

  const running = await startTestServer();
  onTestFinished(() => running.server.close(0));
  const { schemas } = (await running.ask('GET', '/openapi.json')).body.components;
  const changed = targets.flatMap((target) => target.changed ?? []);
  for (const [name, shown] of Object.entries({ Finding: findings, Turn: turns, WhatChanged: changed })) {
    const { properties, required } = schemas[name] as { readonly properties: Named; readonly required: readonly string[] };
    for (const one of shown) expect(Object.keys(one).sort(), name).toEqual(Object.keys(properties).sort());
    expect([...required].sort(), name).toEqual(Object.keys(properties).sort());
  }
});
