/** Every key of the service's configuration: its meaning, its default, and how it is written. */
import * as z from 'zod';
import {
  bytes,
  count,
  duration,
  headerList,
  httpUrl,
  httpUrls,
  labelName,
  listenAddress,
  names,
  namespaces,
  redisUrl,
  texts,
  tokenList,
  yesOrNo,
} from './config-values.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MIB = 2 ** 20;

/** How a server is asked, as in Prometheus' `http_config`. A path is empty where none is meant. */
const access = {
  credentials: z.string().max(10_000).default('').describe('Secret. A bearer token.'),
  credentialsFile: z.string().max(4096).default('').describe('File with a bearer token, read anew for each request.'),
  username: z.string().max(1000).default('').describe('User of basic authentication.'),
  password: z.string().max(10_000).default('').describe('Secret. Password of basic authentication.'),
  headers: headerList.default([]).describe('Secret. More headers, one NAME: VALUE per line, such as X-Scope-OrgID: team-a.'),
  caFile: z.string().max(4096).default('').describe('Certificate authority (PEM), where the system does not know it.'),
  certFile: z.string().max(4096).default('').describe('Client certificate (PEM).'),
  keyFile: z.string().max(4096).default('').describe('Its key (PEM).'),
  serverName: z.string().max(253).default('').describe('Name in the certificate, where it is not that of the address.'),
  insecure: yesOrNo.default(false).describe('The certificate is not verified.'),
  timeout: duration(100).default(10_000).describe('How long an answer may take.'),
};

/** In the order in which they are shown. */
export const configSchema = z.strictObject({
  listen: z
    .strictObject({
      address: listenAddress
        .default({ host: '127.0.0.1', port: 8417 })
        .describe('Address and port to listen on. Any but loopback needs tokens.'),
    })
    .prefault({}),
  auth: z
    .strictObject({
      tokens: tokenList.default([]).describe('Secret. One token per line: NAME SCOPE[,SCOPE] TOKEN; scopes are intake, read and triage.'),
    })
    .prefault({}),
  cluster: z
    .strictObject({
      name: z.string().max(253).default('').describe('The cluster of facts that name none.'),
      manifests: texts.default([]).describe('Files and directories that hold the policy; they are watched.'),
      namespace: z.string().min(1).max(63).default('default').describe('Namespace of manifests that name none.'),
      poll: duration(100).default(2000).describe('How often the manifests are looked at for changes.'),
    })
    .prefault({}),
  kubernetes: z
    .strictObject({
      watch: yesOrNo.default(false).describe('The policy is read from the API server and followed there, instead of cluster.manifests.'),
      kubeconfig: z
        .string()
        .max(4096)
        .default('')
        .describe("Kubeconfig; empty: KUBECONFIG, else ~/.kube/config, else the pod's own ServiceAccount."),
      context: z.string().max(1000).default('').describe('Its context; empty: the current one.'),
    })
    .prefault({}),
  store: z
    .strictObject({
      driver: z.enum(['sqlite', 'redis']).default('sqlite').describe('sqlite: one process; redis: any number of replicas.'),
      directory: z.string().min(1).default('denywhy-data').describe('Where SQLite keeps its file.'),
    })
    .prefault({}),
  redis: z
    .strictObject({
      url: redisUrl.default('redis://127.0.0.1:6379').describe('Secret, where it holds a password. redis:// or rediss://.'),
      prefix: z
        .string()
        .regex(/^[A-Za-z0-9_-]{1,64}$/, 'letters, digits, - and _, at most 64')
        .default('denywhy')
        .describe('What all keys begin with.'),
    })
    .prefault({}),
  queue: z
    .strictObject({
      concurrency: count(1, 64).default(2).describe('Explanations made at a time.'),
      attempts: count(1, 100).default(5).describe('Attempts before a job is parked.'),
    })
    .prefault({}),
  publish: z
    .strictObject({
      queues: names.default(['denywhy-incidents']).describe('BullMQ queues that get each explained incident; none: off. With redis only.'),
      waiting: count(1, 1_000_000).default(10_000).describe('Most jobs that wait in each; the oldest are dropped.'),
    })
    .prefault({}),
  triage: z
    .strictObject({
      quiet: duration(1000)
        .default(15 * 60_000)
        .describe('An incident ends after so long without evidence and without a firing alert.'),
      remember: duration(1000).default(HOUR).describe('How long a body that was accepted is known again.'),
      wait: duration(1000)
        .default(5 * 60_000)
        .describe('How long facts wait for the workload of their pod.'),
    })
    .prefault({}),
  retention: z
    .strictObject({
      age: duration(60_000)
        .default(90 * DAY)
        .describe('Resolved incidents older than this go.'),
      incidents: count(1, 10_000_000).default(10_000).describe('Most incidents; resolved ones go, oldest first.'),
      observations: count(1, 10_000_000).default(50_000).describe('Most different observations of allowed traffic.'),
      events: count(1, 10_000_000).default(100_000).describe('Most events of the stream.'),
      policyRevisions: count(1, 100_000).default(1000).describe('Most recorded changes of the policy.'),
      podChanges: count(1, 1_000_000).default(10_000).describe('Most recorded changes of pods: who had which address when.'),
    })
    .prefault({}),
  limits: z
    .strictObject({
      body: bytes(1024)
        .default(32 * MIB)
        .describe('Most bytes of a body as it is sent.'),
      unpacked: bytes(1024)
        .default(256 * MIB)
        .describe('Most bytes of a body once unpacked.'),
      held: bytes(MIB)
        .default(128 * MIB)
        .describe('Most bytes of bodies that are held in memory at a time.'),
      bodyTime: duration(100).default(30_000).describe('How long a sender may take for a body.'),
      headers: bytes(1024)
        .default(16 * 1024)
        .describe('Most bytes of the headers.'),
      requests: count(1, 100_000).default(256).describe('Most requests at a time.'),
      connections: count(1, 1_000_000).default(1024).describe('Most connections at a time.'),
      streams: count(0, 10_000).default(64).describe('Most readers of the stream of events at a time.'),
      alerts: count(1, 1_000_000).default(10_000).describe('Most alerts of one body.'),
      facts: count(1, 1_000_000).default(50_000).describe('Most facts of one body that differ.'),
    })
    .prefault({}),
  prometheus: z
    .strictObject({
      url: httpUrl.default('').describe('Prometheus (or Thanos, Mimir) whose counters are polled; empty: off.'),
      cluster: z.string().max(253).default('').describe('Cluster of its series that name none; empty: its external label `cluster`.'),
      poll: duration(1000).default(15_000).describe('How often the deny counters are polled.'),
      pollAllowed: duration(1000)
        .default(5 * 60_000)
        .describe('How often the counters of allowed traffic are polled.'),
      resume: duration(60_000)
        .default(6 * HOUR)
        .describe('How far back polling goes after an outage; linkerd-viz keeps six hours.'),
      series: count(1000, 10_000_000).default(200_000).describe('Most series that are followed.'),
      answer: bytes(MIB)
        .default(64 * MIB)
        .describe('Most bytes of one answer.'),
      ...access,
    })
    .prefault({}),
  logs: z
    .strictObject({
      namespaces: namespaces.default([]).describe('Namespaces whose proxies’ logs are read when an alert about them fires.'),
      follow: namespaces.default([]).describe('Namespaces whose proxies’ logs are followed all the time.'),
      back: duration(1000)
        .default(10 * 60_000)
        .describe('How far back a log is read from: before the alert began, or before it is followed.'),
      pods: count(1, 1000).default(10).describe('Most pods whose logs are read for one alert.'),
      bytes: bytes(1024)
        .default(8 * MIB)
        .describe('Most bytes of one log that are read for one alert.'),
      followed: count(1, 1000).default(100).describe('Most logs that are followed.'),
    })
    .prefault({}),
  loki: z
    .strictObject({
      url: httpUrl.default('').describe('Loki, from which logs are read instead of from the API server; empty: off.'),
      tenant: z
        .string()
        .regex(/^[\x21-\x7e]{0,150}$/, 'printable ASCII without spaces, at most 150 characters')
        .default('')
        .describe('Its tenant (X-Scope-OrgID); empty: it has one only.'),
      namespaceLabel: labelName.default('namespace').describe('Label of the namespace, as the collector writes it.'),
      podLabel: labelName.default('pod').describe('Label of the pod.'),
      containerLabel: labelName.default('container').describe('Label of the container.'),
      poll: duration(500).default(5000).describe('How often logs that are followed are asked for.'),
      ...access,
    })
    .prefault({}),
  alertmanager: z
    .strictObject({
      urls: httpUrls.default([]).describe('Every Alertmanager of a cluster; explained incidents are posted to each. Empty: off.'),
      refresh: duration(1000).default(60_000).describe('How often an open incident is posted again; it ends after three times that.'),
      link: httpUrl.default('').describe('Address of this denywhy as people reach it, for links.'),
      ...access,
    })
    .prefault({}),
  metrics: z.strictObject({ open: yesOrNo.default(false).describe('/metrics needs no token.') }).prefault({}),
  log: z.strictObject({ level: z.enum(['error', 'warn', 'info', 'debug']).default('info').describe('What is logged.') }).prefault({}),
});

export type Config = z.infer<typeof configSchema>;
