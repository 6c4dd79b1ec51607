/** Debian's Alertmanagers, of the test's own: a cluster of them on free loopback ports, and a receiver that records what it is sent. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePorts } from './ports.ts';
import { waitFor } from './prometheus.ts';

/** Why tests with Alertmanager are skipped; null: they run. Under CI a missing one is a failure. */
export const alertmanagerSkip: string | null = hasAlertmanager() ? null : 'prometheus-alertmanager is not installed';

function hasAlertmanager(): boolean {
  if (spawnSync('prometheus-alertmanager', ['--version']).status === 0) return true;
  if (process.env['CI'] === 'true') throw new Error('prometheus-alertmanager is not installed: apt-get install prometheus-alertmanager');
  return false;
}

export interface TestAlertmanager {
  readonly url: string;
  /** The one that runs now, or ran last. */
  readonly process: ChildProcess;
  /** Starts it again, with the notification log it had; alerts it has none until it is told of them. */
  startAgain(): Promise<void>;
  alerts(): Promise<readonly HeldAlert[]>;
  /** As Prometheus does it. */
  post(alerts: readonly object[]): Promise<void>;
}

export interface HeldAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
}

export interface TestAlertmanagers {
  readonly peers: readonly TestAlertmanager[];
  stop(): Promise<void>;
}

/** `webhooks`: each a receiver of its own that gets every alert, grouped by name and namespace, at once. */
export async function startAlertmanagers(count: number, webhooks: readonly string[]): Promise<TestAlertmanagers> {
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-alertmanager-'));
  const name = (i: number) => `receiver.${i}`;
  const config = {
    route: {
      receiver: name(0),
      group_by: ['alertname', 'namespace'],
      group_wait: '0s',
      group_interval: '1s',
      repeat_interval: '1h',
      routes: webhooks.map((_, i) => ({ receiver: name(i), continue: true })),
    },
    receivers: webhooks.map((url, i) => ({ name: name(i), webhook_configs: [{ url, send_resolved: true }] })),
  };
  writeFileSync(join(directory, 'alertmanager.yml'), stringify(config));
  const ports = await freePorts(count);
  const gossip = await freePorts(count);
  const peers = ports.map((port, i): TestAlertmanager => {
    const others = gossip.filter((_, other) => other !== i).map((other) => `--cluster.peer=127.0.0.1:${other}`);
    const args = [
      '--config.file=alertmanager.yml',
      `--storage.path=data-${i}`,
      `--web.listen-address=127.0.0.1:${port}`,
      `--cluster.listen-address=127.0.0.1:${gossip[i]}`,
      '--cluster.peer-timeout=500ms',
      '--cluster.gossip-interval=50ms',
      '--cluster.settle-timeout=1s',
      ...others,
    ];
    return peerOf(`http://127.0.0.1:${port}`, () => spawn('prometheus-alertmanager', args, { cwd: directory, stdio: 'ignore' }), count);
  });
  const stop = async () => {
    for (const peer of peers) await ended(peer.process);
    rmSync(directory, { recursive: true });
  };
  const areReady = async () => {
    const states = await Promise.all(peers.map(({ url }) => membersOf(url)));
    return states.every((members) => members === count);
  };
  if (!(await waitFor(areReady, 20_000))) {
    await stop();
    throw new Error('the Alertmanagers do not find each other');
  }
  return { peers, stop };
}

function peerOf(url: string, start: () => ChildProcess, members: number): TestAlertmanager {
  let child = start();
  return {
    url,
    get process() {
      return child;
    },
    async startAgain() {
      await ended(child);
      child = start();
      if (!(await waitFor(async () => (await membersOf(url)) === members, 30_000))) throw new Error('the Alertmanager does not come back');
    },
    async alerts() {
      return (await (await fetch(`${url}/api/v2/alerts`)).json()) as HeldAlert[];
    },
    async post(alerts) {
      const response = await fetch(`${url}/api/v2/alerts`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(alerts),
      });
      if (!response.ok) throw new Error(await response.text());
    },
  };
}

async function membersOf(url: string): Promise<number> {
  try {
    const status = (await (await fetch(`${url}/api/v2/status`)).json()) as { cluster: { status: string; peers?: unknown[] } };
    return status.cluster.status === 'ready' ? (status.cluster.peers?.length ?? 0) : 0;
  } catch {
    return 0;
  }
}

/** Ends it, also while it is stopped. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGKILL');
  await gone;
}

export interface Receiver {
  readonly url: string;
  /** Bodies, in their order. */
  readonly bodies: readonly Notification[];
  close(): Promise<void>;
}

export interface Notification {
  readonly externalURL: string;
  readonly alerts: readonly {
    readonly status: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  }[];
}

export async function startReceiver(): Promise<Receiver> {
  const bodies: Notification[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    bodies.push(JSON.parse(body));
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    bodies,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
