/** One incident of the recorded story, told in five places: each begins with the same sentence. */
import { readdirSync, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { expect, it, onTestFinished } from 'vitest';
import { openCluster } from '../src/commands/cluster-view.ts';
import { createManifestsCluster } from '../src/drivers/cluster-manifests.ts';
import { createInputs } from '../src/drivers/inputs.ts';
import type { Fact } from '../src/evidence/facts.ts';
import { createLogParser } from '../src/evidence/log.ts';
import type { Incident } from '../src/triage/incident.ts';
import { postedAlert } from '../src/triage/posted-alerts.ts';
import { explainIncident, type IncidentEvent } from '../src/triage/work.ts';
import { startTestServer } from './http/running.ts';
import { run } from './run-command.ts';

const HISTORY = 'demo/policy-history.jsonl';
const POD = 'backend-756f7c997f-2588f';
const LOG = `demo/logs/${readdirSync('demo/logs').find((name) => name.startsWith(POD))}`;

function factsOfLog(): readonly Fact[] {
  const workload = { kind: 'Deployment', namespace: 'production', name: 'backend' };
  const parser = createLogParser({ name: LOG, reporter: { cluster: '', namespace: 'production', pod: POD, workload } });
  return [...parser.push(gunzipSync(readFileSync(LOG)).toString()), ...parser.flush()];
}

async function storyOf() {
  const inputs = createInputs({ stdin: Readable.from([]) });
  const record = await createManifestsCluster({ paths: [HISTORY], inputs, defaultNamespace: 'default' }).read();
  return openCluster(record, {}).view;
}

interface Told {
  readonly clients: readonly { readonly targets: readonly { readonly findings: readonly { readonly summary: string }[] }[] }[];
}

it('the first sentence is the same in explain, in the demo, over HTTP, in the alert and in the job', { timeout: 120_000 }, async () => {
  const running = await startTestServer();
  onTestFinished(() => running.server.close(100));
  expect(await running.take(factsOfLog())).toBe('accepted');
  const jobs: IncidentEvent[] = [];
  const view = await storyOf();
  const work = { ...running.work, policy: () => ({ view, revision: 'end' }), published: async (job: IncidentEvent) => void jobs.push(job) };
  await running.queue.work((id) => explainIncident(id, work));

  const explained = JSON.parse(
    (await run(['explain', '-n', 'production', 'deploy/backend', '--cluster', HISTORY, '--logs', LOG, '-o', 'json'])).stdout,
  );
  const sentence = firstOf(explained);
  expect(sentence).toContain('MeshTLSAuthentication production/frontend-mtls');

  const { body } = await running.ask('GET', '/api/v1/incidents');
  const served = (body.items as readonly (Incident & { readonly answer: { readonly sentence: string } })[]).find(
    ({ answer }) => answer.sentence === sentence,
  );
  expect(served, JSON.stringify(body.items.map((i: Incident) => i.answer))).toBeDefined();
  expect(jobs.find(({ incident }) => incident.id === served?.id)?.incident.answer?.sentence).toBe(sentence);

  const [incident] = (await running.incidents()).filter(({ id }) => id === served?.id);
  const alert =
    incident === undefined ? null : postedAlert(incident, { now: Date.parse('2026-11-23T09:29:00Z'), refresh: 60_000, link: '' });
  expect(alert?.annotations['summary']).toBe(sentence);

  const { stdout } = await run(['demo', '--once', '-o', 'json']);
  expect(firstOf(JSON.parse(stdout))).toBe(sentence);
});

function firstOf({ clients }: Told): string {
  return clients[0]?.targets[0]?.findings[0]?.summary ?? '';
}
