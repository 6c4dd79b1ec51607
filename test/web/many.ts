/** Many incidents, as a service leaves them in its store: each explained, one of them with many clients. */
import type { Json, Store, Write } from '../../src/ports.ts';
import { clientsTag } from '../../src/triage/clients.ts';
import { type Incident, tagsOf } from '../../src/triage/incident.ts';
import { denials, FROM_CART, type Running, startTestServer } from '../http/running.ts';

const WRITES = 1000;
/** Every so many milliseconds evidence of another one came in. */
const APART = 10;
const KINDS = ['fix', 'decide', 'do-not-allow', 'needs-evidence', 'nothing-to-do'] as const;

/** Resolves with the id of the one with many clients. */
export async function fillStore(store: Store, incidents: number, clients: number): Promise<string> {
  const running = await startTestServer();
  try {
    const lines = Array.from({ length: clients }, (_, i) => denials(`10.9.${i >> 8}.${i & 255}`).replace('"checkout.', `"checkout-${i}.`));
    for (let from = 0; from < clients; from += 500)
      await running.ask('POST', '/api/v1/logs', { body: lines.slice(from, from + 500).join(''), headers: FROM_CART });
    await running.explain();
    const [incident] = await running.incidents();
    if (incident === undefined) throw new Error('no incident came of the lines');
    await write(store, await ofIncident(running, incident));
    const now = Date.now();
    for (let from = 1; from < incidents; from += WRITES)
      await write(
        store,
        Array.from({ length: Math.min(WRITES, incidents - from) }, (_, i) => put(alike(incident, from + i, now))),
      );
    return incident.id;
  } finally {
    await running.server.close(0);
  }
}

async function ofIncident(running: Running, incident: Incident): Promise<readonly Write[]> {
  const [explanation] = await running.store.get('explanations', [incident.id]);
  const clients = await running.store.list('clients', { tag: clientsTag(incident.id), limit: 10_000 });
  return [
    put({ ...incident, activeAt: Date.now() }),
    { collection: 'explanations', id: incident.id, expected: null, value: explanation?.value ?? null },
    ...clients.map(
      ({ id, value, sort }): Write => ({ collection: 'clients', id, expected: null, value, tags: [clientsTag(incident.id)], sort }),
    ),
  ];
}

function alike(incident: Incident, i: number, now: number): Incident {
  const at = now - i * APART;
  return {
    ...incident,
    id: `${incident.id.slice(0, 8)}${String(i).padStart(8, '0')}`,
    namespace: `shop-${i % 40}`,
    server: { group: 'policy.linkerd.io', kind: 'server', name: `server-${i}` },
    count: 1 + (i % 900),
    clients: 1,
    activeAt: at,
    firstSeen: at - 60_000,
    lastSeen: at,
    wayOut: { verdict: KINDS[i % KINDS.length] ?? 'fix', title: `Allow it on server-${i}`, client: 'till/checkout' },
  };
}

function put(incident: Incident): Write {
  const value = JSON.parse(JSON.stringify(incident)) as Json;
  return { collection: 'incidents', id: incident.id, expected: null, value, tags: tagsOf(incident), sort: incident.activeAt };
}

async function write(store: Store, writes: readonly Write[]): Promise<void> {
  const result = await store.commit({ writes });
  if (result !== 'done') throw new Error(`the store answers ${JSON.stringify(result)}`);
}
