/** A first test file: today's answers for the ServiceAccounts and workloads of a namespace, and for a stranger. */
import { PROXY_ADMIN_PORT, portsOf } from '../access/ports.ts';
import { accessRequests } from '../access/requests.ts';
import { showWorkload } from '../evidence/missing.ts';
import { FORM } from '../manifests/access-tests.ts';
import { showYaml } from '../manifests/yaml-show.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import { namespaceIndex, type Snapshot } from '../policy/snapshot.ts';
import { hasEnded, type Workload } from '../policy/workload.ts';
import { askCan } from './can-question.ts';
import { TEST_WORDS } from './question-words.ts';
import { ownerOf } from './workload-port.ts';

/** A documentation address (RFC 5737): it belongs to nobody. */
const STRANGER = '203.0.113.7';

/** One question for every client, workload, port and route of the namespace. */
export function firstTests(snapshot: Snapshot, namespace: string): string {
  const pods = [...namespaceIndex(snapshot, namespace).workloads.values()].flatMap(({ value }) =>
    value === null || value.kind !== 'Pod' || hasEnded(value.resource.status) ? [] : [value],
  );
  const accounts = [...new Set(pods.filter(({ meshed }) => meshed).map(({ serviceAccount }) => `sa/${serviceAccount}`))].sort();
  const servers = new Map(pods.filter(({ meshed }) => meshed).map((pod) => [showWorkload(ownerOf(snapshot, pod)), pod]));
  const tests = [...servers]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([server, pod]) =>
      portsOf(snapshot, pod)
        .filter((port) => port !== PROXY_ADMIN_PORT)
        .flatMap((port) =>
          requestsOf(snapshot, pod, port).flatMap((request) =>
            [...accounts, STRANGER].map((can) => ({ can, reach: `${server}:${port}`, ...request })),
          ),
        ),
    );
  return showYaml({ form: FORM, namespace, tests: tests.map((test) => ({ ...test, expect: answerTo(snapshot, namespace, test) })) });
}

interface Question {
  readonly can: string;
  readonly reach: string;
  readonly method?: string;
  readonly path?: string;
  readonly grpc?: string;
}

function answerTo(snapshot: Snapshot, namespace: string, { can: client, reach: server, method, path, grpc }: Question) {
  const request = { method: method ?? null, path: path ?? null, grpc: grpc ?? null, authority: null };
  return askCan(snapshot, { client, server, namespace, ...request, ip: null, unmeshed: false }, TEST_WORDS).answer.answer;
}

/** One for each route; none at all for a port that takes connections alone. */
function requestsOf(snapshot: Snapshot, pod: Workload, port: number): readonly Partial<Question>[] {
  const byRoute = new Map<string, Partial<Question>>();
  for (const { traffic } of accessRequests([inboundServer(snapshot, pod, port)])) {
    if (traffic.type !== 'http') continue;
    const { method, path, grpc } = traffic.request;
    const key = `${method} ${path.replace(/\/x$/, '')}`;
    if (!byRoute.has(key)) byRoute.set(key, grpc ? { grpc: path.slice(1) } : { method, path });
  }
  return byRoute.size === 0 ? [{}] : [...byRoute.values()];
}
