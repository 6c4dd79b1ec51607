/** The cluster that a question is about, read once: files, or the one of the kubeconfig. */
import { createManifestsCluster } from '../drivers/cluster-manifests.ts';
import { createInputs } from '../drivers/inputs.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { ClusterRecord, Inputs, Notice } from '../ports.ts';
import { clusterOptionsOf, type RawClusterOptions } from './cluster-options.ts';
import { type OpenCluster, openCluster } from './cluster-view.ts';
import type { Io } from './command.ts';
import { type LiveCluster, openLive } from './explain-live-open.ts';
import { readMoment } from './moment.ts';
import { safe } from './terminal.ts';

export interface OpenAsked {
  readonly record: ClusterRecord;
  readonly cluster: OpenCluster;
  readonly snapshot: Snapshot;
  /** Asked for, or the context's; null: every one of the files. */
  readonly namespace: string | null;
  readonly notices: readonly Notice[];
  readonly inputs: Inputs;
}

/** `at`: the moment of a history; null: the last. `gather` reads more of a live cluster while it is open. Errors: InvalidInput, Unavailable. */
export async function openAsked(
  raw: RawClusterOptions,
  at: string | null,
  io: Io,
  gather: (live: LiveCluster, record: ClusterRecord) => Promise<void> = async () => {},
): Promise<OpenAsked> {
  const { paths, namespace, context, kubeconfig, settings, allNamespaces } = clusterOptionsOf(raw);
  const inputs = createInputs({ stdin: io.stdin });
  const live = paths.length > 0 ? null : openLive({ ...NO_LIVE_PLAN, context, kubeconfig }, namespace, io);
  try {
    const record = await (live === null
      ? createManifestsCluster({ paths, inputs, defaultNamespace: namespace ?? 'default' })
      : live.cluster
    ).read();
    if (live !== null) await gather(live, record);
    const cluster = openCluster(record, settings);
    const moment = at === null ? null : readMoment(at, cluster.end ?? io.now);
    return {
      record,
      cluster,
      snapshot: cluster.view.at(moment),
      namespace: namespace ?? (allNamespaces ? null : (live?.namespace ?? null)),
      notices: moment !== null && cluster.end === null ? [...cluster.notices, NO_TIMES] : cluster.notices,
      inputs,
    };
  } finally {
    live?.close();
  }
}

const NO_LIVE_PLAN = { isAsked: true, prometheus: null, bearerTokenFile: null, allNamespaces: false, since: 0, follow: false };
const NO_TIMES: Notice = { where: '', message: '--at changes nothing here: these objects carry no times. A recorded history does.' };

export function sayNotices(notices: readonly Notice[], io: Io): void {
  for (const { where, message } of notices) io.stderr.write(`denywhy: ${safe(where === '' ? message : `${where}: ${message}`)}\n`);
}
