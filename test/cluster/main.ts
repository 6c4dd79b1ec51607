/** `npm run cluster`: a real Kubernetes control plane with Linkerd's and the Prometheus operator's kinds on loopback, until Ctrl-C. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BINARIES, buildBinaries, hasGo, whatIsMissing } from './binaries.ts';
import { type Cluster, type ServiceAccountName, startCluster } from './cluster.ts';
import { linkerdCrdsSkip } from './crds.ts';
import { fillCluster, playChanges } from './story.ts';
import { readStory } from './story-events.ts';

const STORY = join(import.meta.dirname, '..', '..', 'demo', 'policy-history.jsonl');

const HELP = `npm run cluster -- [OPTIONS]

Starts etcd, kube-apiserver, kube-controller-manager and prometheus-operator on free loopback ports; Ctrl-C ends them.

  --story                   fill it with the recorded story and make the recorded changes (demo/README.md)
  --speed N                 make them N times as fast as recorded; without it, one after the other without waiting
  --service-account NS/SA   a kubeconfig for this ServiceAccount too, which is made if missing; may be repeated
  --build                   only build what is not built yet
  --help
`;

const OPTIONS = {
  story: { type: 'boolean', default: false },
  speed: { type: 'string' },
  'service-account': { type: 'string', multiple: true, default: [] as string[] },
  build: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

interface Wish {
  readonly isStory: boolean;
  readonly speed: number | null;
  readonly serviceAccounts: readonly ServiceAccountName[];
}

const say = (line: string) => process.stderr.write(`${line}\n`);

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const wish = wishOf(values);
  if (hasGo()) buildBinaries(say);
  const missing = whatIsMissing() ?? (wish.isStory ? linkerdCrdsSkip : null);
  if (missing !== null) {
    say(missing);
    return 1;
  }
  return values.build ? 0 : run(wish);
}

/** Throws on a value that means nothing. */
function wishOf(values: { story: boolean; speed?: string | undefined; 'service-account': string[] }): Wish {
  const speed = values.speed === undefined ? null : Number(values.speed);
  if (speed !== null && !(speed > 0 && Number.isFinite(speed))) throw new Error(`--speed ${values.speed}: give a number greater than 0`);
  const serviceAccounts = values['service-account'].map((text) => {
    const [namespace, name, rest] = text.split('/');
    if (!namespace || !name || rest !== undefined) throw new Error(`--service-account ${text}: give NAMESPACE/NAME`);
    return { namespace, name };
  });
  return { isStory: values.story, speed, serviceAccounts };
}

async function run(wish: Wish): Promise<number> {
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stopped.abort());
  const begin = performance.now();
  let cluster: Cluster | null = null;
  try {
    cluster = await startCluster({ signal: stopped.signal, onStart: ({ name, pid }) => say(`starting ${name} (process ${pid})`) });
    say(`started in ${((performance.now() - begin) / 1000).toFixed(1)} s`);
    const failed = cluster.failed.then((how) => Promise.reject(new Error(how)));
    await Promise.race([serve(cluster, wish, stopped.signal), failed]);
    return 0;
  } catch (error) {
    if (stopped.signal.aborted) return 0;
    throw error;
  } finally {
    await cluster?.stop();
  }
}

async function serve(cluster: Cluster, { isStory, speed, serviceAccounts }: Wish, signal: AbortSignal): Promise<void> {
  const events = isStory ? readStory(STORY) : [];
  if (isStory) await fillCluster(cluster, events);
  const accounts: [ServiceAccountName, string][] = [];
  for (const account of serviceAccounts) accounts.push([account, await cluster.kubeconfigFor(account)]);
  process.stdout.write(usage(cluster, accounts));
  if (isStory) {
    await playChanges(cluster, events, {
      speed,
      signal,
      onEvent: ({ type, object, writer }) =>
        say(`${type} ${object.kind} ${object.metadata.namespace}/${object.metadata.name} by ${writer?.manager ?? 'unknown'}`),
    });
    say('the story is in the cluster');
  }
  await aborted(signal);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function usage(cluster: Cluster, accounts: readonly (readonly [ServiceAccountName, string])[]): string {
  const rows = [
    ['API server', cluster.server],
    ['admin', cluster.kubeconfig.admin],
    ['viewer', cluster.kubeconfig.viewer],
    ...accounts.map(([{ namespace, name }, file]) => [`${namespace}/${name}`, file]),
    ['audit log', cluster.auditLog],
    ['other logs', join(cluster.directory, '*.log')],
  ];
  const width = Math.max(...rows.map(([name = '']) => name.length));
  const lines = rows.map(([name = '', value = '']) => `  ${name.padEnd(width)}  ${value}\n`);
  const notices = linkerdCrdsSkip === null ? [] : [`  not there: ${linkerdCrdsSkip}\n`];
  return [
    ...lines,
    ...notices,
    `\n  export KUBECONFIG=${cluster.kubeconfig.admin}\n`,
    `  alias kubectl=${BINARIES.kubectl}\n`,
    '  kubectl get servers.policy.linkerd.io,prometheusrules -A\n',
    '\nCtrl-C ends it and removes its files.\n',
  ].join('');
}

try {
  process.exitCode = await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
