/** Every port of every workload has a Server, so that grants can name it. */
import { showNear } from '../policy/wording.ts';
import type { Judgement, PostureContext, PostureWorkload, Practice } from './practice.ts';
import { evidence, evidenceOfRef, holds, nameOf, objectOf, quoted, showPort } from './wording.ts';

export const portsCovered: Practice = {
  id: 'ports-covered',
  title: 'every port is covered by a Server',
  judge: (context, namespace) =>
    context.workloadsIn(namespace).flatMap((workload) => (workload.ports.length === 0 ? [] : [judgeOne(context, workload)])),
};

function judgeOne({ snapshot }: PostureContext, workload: PostureWorkload): Judgement {
  const name = nameOf(workload);
  const open = workload.ports.filter(({ policy }) => policy.server === null);
  const shown = workload.ports.map(({ port, names, policy: { server, defaultPolicy }, near }) => {
    if (server !== null) return evidenceOfRef(snapshot, `${showPort(port, names)} is taken by Server ${server.name}`, server);
    const nearly = near.slice(0, 2).map((one) => `; ${showNear(one)}`);
    return evidence(
      `${showPort(port, names)} is taken by no Server: default policy ${defaultPolicy.policy}${nearly.join('')}`,
      objectOf(workload),
    );
  });
  if (open.length === 0) return holds(name, 'each port has a Server', shown);
  const ports = [...new Set(open.map(({ port, names }) => showPort(port, names)))].join(', ');
  if (open.every(({ policy }) => policy.defaultPolicy.policy === 'deny'))
    return {
      ...{ workload: name, evidence: shown, lacking: [], state: 'partly' },
      found: `no Server takes ${ports}: default deny refuses everyone there but probes, and no grant can name it`,
      next: {
        text: 'Where somebody should get in, a Server comes first; it tells who was refused, and what lets them in.',
        command: `denywhy explain -n ${quoted(workload.ref.namespace)} ${quoted(name)}`,
      },
    };
  return {
    ...{ workload: name, evidence: shown, lacking: [] },
    state: open.length === workload.ports.length ? 'not' : 'partly',
    found: `no Server takes ${ports}`,
    next: {
      text: 'The plan writes a Server for each, with today’s policy, and grants for what was seen.',
      command: `denywhy generate -n ${quoted(workload.ref.namespace)} ${quoted(name)}`,
    },
  };
}
