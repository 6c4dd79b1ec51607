/** A grant names a ServiceAccount: whoever shares it is granted too. */
import type { Judgement, PostureWorkload, Practice } from './practice.ts';
import { evidence, holds, nameOf, objectOf, quoted } from './wording.ts';

export const ownServiceAccount: Practice = {
  id: 'own-service-account',
  title: 'each workload has a ServiceAccount of its own',
  judge(context, namespace) {
    const workloads = context.workloadsIn(namespace);
    const byAccount = new Map<string, PostureWorkload[]>();
    for (const workload of workloads) {
      for (const account of accountsOf(workload)) {
        const known = byAccount.get(account);
        if (known === undefined) byAccount.set(account, [workload]);
        else known.push(workload);
      }
    }
    return workloads.flatMap((workload) => (workload.pods.some(({ kind }) => kind === 'Pod') ? [judgeOne(workload, byAccount)] : []));
  },
};

function accountsOf({ pods }: PostureWorkload): readonly string[] {
  return [...new Set(pods.flatMap(({ kind, serviceAccount }) => (kind === 'Pod' ? [serviceAccount] : [])))].sort();
}

const MOST_SHOWN = 8;

function judgeOne(workload: PostureWorkload, byAccount: ReadonlyMap<string, readonly PostureWorkload[]>): Judgement {
  const name = nameOf(workload);
  const accounts = accountsOf(workload);
  const account =
    accounts.find((one) => one === 'default') ?? accounts.find((one) => (byAccount.get(one)?.length ?? 0) > 1) ?? accounts[0] ?? '';
  const others = (byAccount.get(account) ?? []).filter((one) => one !== workload);
  const shown = [
    evidence(`runs as ServiceAccount ${account}`, objectOf(workload)),
    ...others.slice(0, MOST_SHOWN).map((other) => evidence(`${nameOf(other)} runs as ${account} too`, objectOf(other))),
  ];
  if (account !== 'default' && others.length === 0) return holds(name, 'runs as a ServiceAccount of its own', shown);
  const { namespace, name: own } = workload.ref;
  return {
    ...{ workload: name, state: 'not', evidence: shown, lacking: [] },
    found:
      account === 'default'
        ? 'runs as ServiceAccount default, as every pod does that names none'
        : `shares ServiceAccount ${account} with ${others.length === 1 ? 'another workload' : `${others.length} other workloads`}`,
    next: {
      text: 'Give it one of its own; name that beside the shared one wherever it is granted something, before its pods are made anew.',
      command: `kubectl create serviceaccount -n ${quoted(namespace)} ${quoted(own)} && kubectl set serviceaccount -n ${quoted(namespace)} ${quoted(name)} ${quoted(own)}`,
    },
  };
}
