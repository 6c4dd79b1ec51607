/** What changed, over 10,000 revisions that all touch the target: an explanation that bisects, against a look at every state in the same round. */
import type { Denial } from '../../src/evidence/facts.ts';
import { createTally } from '../../src/evidence/tally.ts';
import { explain } from '../../src/explain.ts';
import { evaluate } from '../../src/policy/evaluate.ts';
import { createHistory, type History } from '../../src/policy/history.ts';
import { inboundServer } from '../../src/policy/inbound-server.ts';
import type { Change, Resource } from '../../src/policy/resource.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { findWorkload } from '../../src/policy/snapshot.ts';
import { FRONTEND, MESHTLS, meshTLS, pod, policy, SERVER, server, targetServer } from '../policy/cluster.ts';
import { inUnits, type Line, time } from './measure.ts';

const REVISIONS = 10_000;
/** Objects of the namespace that are edited over and over. */
const OBJECTS = 200;
/** Where the change is that is looked for: the youngest, in the middle, and none at all. */
const PLACES = [
  ['the last change', REVISIONS],
  ['a change in the middle', REVISIONS / 2],
  ['no change', null],
] as const;

export function benchChanged(rounds: number): readonly Line[] {
  const cases = PLACES.map(([name, broken]) => ({ name, broken, history: createHistory(changesOf(broken), LINKERD_DEFAULTS) }));
  for (const { history, broken } of cases) prove(history, broken);
  return inUnits(rounds, {}, () => {
    const figures: Record<string, number> = {};
    for (const { name, history } of cases) {
      figures[`explanation over 10,000 revisions, ${name}`] = time(20, () => explained(history));
      figures[`every state looked at, ${name}`] = time(1, () => scanned(history));
    }
    return figures;
  });
}

/** `broken`: at which revision the client's identity goes; null: it never was there. */
function changesOf(broken: number | null): readonly Change[] {
  const identities = (isThere: boolean) => meshTLS('clients', { identities: [isThere ? FRONTEND : 'other.shop'] });
  const start = [pod(), SERVER, policy('p', targetServer('backend-http'), [MESHTLS('clients')]), identities(broken !== null)];
  const edits = Array.from({ length: REVISIONS }, (_, i): Change => {
    const edited = (i + 1 === broken ? identities(false) : server(`s${i % OBJECTS}`, { port: 9000 + (i % 7) })) as Resource;
    return { at: i + 1, type: 'applied', resource: edited };
  });
  return [...start.map((resource): Change => ({ at: null, type: 'applied', resource })), ...edits];
}

const IDENTITY = { state: 'established', clientId: FRONTEND } as const;
const ROUTE = { group: '', kind: 'default', name: 'default' };

function explained(history: History) {
  const tally = createTally();
  tally.add({
    type: 'denial',
    kind: 'http-denied',
    at: REVISIONS + 1,
    reporter: { cluster: '', namespace: 'shop', pod: 'backend', workload: null },
    server: { group: 'policy.linkerd.io', kind: 'server', name: 'backend-http' },
    route: ROUTE,
    port: 8080,
    admin: false,
    client: { ip: '10.42.0.13', port: null, tls: IDENTITY },
    request: null,
    count: 1,
    sinceBefore: false,
    error: null,
    didNotApply: [],
    source: { kind: 'log', name: 'bench', line: 1, raw: '' },
  } as Denial);
  return explain({ tally, cluster: history, question: { namespace: null, workload: null, port: null, at: null } });
}

/** The moment of the last change from allow to deny; null: there is none. */
function scanned(history: History): number | null {
  for (let i = history.moments.length - 1; i >= 0; i--) {
    const snapshot = history.at(i === 0 ? Number.NEGATIVE_INFINITY : (history.moments[i - 1] as number));
    const workload = findWorkload(snapshot, 'Pod', 'shop', 'backend');
    if (workload === null) continue;
    const connection = { clientIp: '10.42.0.13', tls: IDENTITY };
    if (evaluate(inboundServer(snapshot, workload, 8080), connection, { type: 'http-on-route', route: ROUTE }).verdict === 'allow')
      return history.moments[i] as number;
  }
  return null;
}

function prove(history: History, expected: number | null): void {
  const found = explained(history).clients[0]?.targets[0]?.changed?.turned?.at ?? null;
  if (found !== expected || scanned(history) !== expected) throw new Error(`the change is at ${expected}, and ${found} was found`);
}
