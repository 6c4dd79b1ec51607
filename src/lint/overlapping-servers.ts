import { inboundServer } from '../policy/inbound-server.ts';
import type { ObjectRef } from '../policy/resource.ts';
import { effectOf, nameWorkload } from './effect.ts';
import type { Draft } from './finding.ts';
import { policiesOf } from './objects.ts';
import type { LintRule, Scope } from './rule.ts';
import { declaredPorts, podsOfServer, portsTaken, readServers } from './servers.ts';
import { targetsOf } from './targets.ts';

interface Overlap {
  readonly winner: ObjectRef;
  readonly port: number;
  readonly workload: string;
}

export const overlappingServers: LintRule = {
  code: 'overlapping-servers',
  title: 'two Servers take the same port',
  *check(scope) {
    const losers = losersIn(scope);
    for (const { object, server } of readServers(scope.snapshot, scope.resources)) {
      const overlap = losers.get(`${server.ref.namespace}/${server.ref.name}`);
      if (overlap !== undefined) yield loses(scope, object, overlap);
    }
    for (const kind of ['AuthorizationPolicy', 'ServerAuthorization']) {
      for (const object of policiesOf(scope.resources, kind)) {
        for (const { path, target } of targetsOf(object)) {
          const overlap = target.kind === 'Server' ? losers.get(`${target.namespace}/${target.name}`) : undefined;
          if (overlap === undefined) continue;
          yield {
            severity: 'error',
            object,
            path,
            problem: `It targets Server ${target.name}, which loses port ${overlap.port} of ${overlap.workload} to Server ${overlap.winner.name}.`,
            effect: effectOf(scope.snapshot, object),
            right: `name: ${overlap.winner.name}`,
            edits: [],
          };
        }
      }
    }
  },
};

function loses({ snapshot }: Scope, object: Draft['object'], { winner, port, workload }: Overlap): Draft {
  return {
    severity: 'error',
    object,
    path: ['spec', 'port'],
    problem: `Server ${winner.name} takes port ${port} of ${workload} too, and one Server only can have it: the older one, of equal age the first by name.`,
    effect: `${winner.name} has it as things stand; policies that target ${object.metadata.name} have no say there. ${effectOf(snapshot, object)}`,
    right: `Delete one of the two, or make their selectors or ports differ; policies target the one that stays.`,
    edits: [],
  };
}

/** By `namespace/name` of the Server that has to stand back. */
function losersIn({ resources, snapshot }: Scope): ReadonlyMap<string, Overlap> {
  const losers = new Map<string, Overlap>();
  const named = [...readServers(snapshot, resources)].flatMap(({ server }) =>
    podsOfServer(snapshot, server).flatMap((pod) =>
      pod.meshed ? portsTaken(server, pod).map((port) => ({ pod, port, policy: inboundServer(snapshot, pod, port) })) : [],
    ),
  );
  const namespaces = policiesOf(resources, 'Server').map(({ metadata }) => metadata.namespace);
  for (const { pod, port, policy } of [...declaredPorts(snapshot, namespaces), ...named]) {
    if (policy.server === null) continue;
    for (const { namespace, name } of policy.overshadowed) {
      const key = `${namespace}/${name}`;
      if (!losers.has(key)) losers.set(key, { winner: policy.server, port, workload: nameWorkload(snapshot, pod) });
    }
  }
  return losers;
}
