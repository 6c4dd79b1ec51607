/** The chart in a real API server: admitted, run with the token that it gives denywhy, taken up by the operator, upgraded and taken away. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { WATCHED_KINDS } from '../../src/drivers/kubernetes-kinds.ts';
import type { KubeObject } from '../cluster/api.ts';
import { WEBHOOK } from '../http/running.ts';
import { until } from '../until.ts';
import { PRESETS } from './helm.ts';
import { assembleImage, type Image, PROJECT } from './image.ts';
import { podSkip, type RunningPod, startPod } from './pod.ts';
import { NAMESPACE, PATIENCE, podsOf, releaseSkip, type Site, startSite } from './release.ts';

const VALUES = {
  monitoring: { alertmanagerConfig: { enabled: true } },
  config: { logs: { namespaces: ['shop'] } },
};
const MONITORING = '/apis/monitoring.coreos.com/v1/namespaces/monitoring';
const SELECTED = { matchLabels: { release: 'kube-prometheus-stack' } };

describe.skipIf(releaseSkip !== null)(`the chart in an API server${releaseSkip === null ? '' : ` [${releaseSkip}]`}`, () => {
  let site: Site;
  let image: Image;

  beforeAll(async () => {
    site = await startSite();
    if (podSkip === null) image = assembleImage();
    const { api } = site.cluster;
    const apiVersion = 'monitoring.coreos.com/v1';
    await api.create(`${MONITORING}/prometheuses`, {
      apiVersion,
      kind: 'Prometheus',
      metadata: { name: 'main' },
      spec: { ruleSelector: SELECTED, ruleNamespaceSelector: {}, serviceMonitorSelector: SELECTED, serviceMonitorNamespaceSelector: {} },
    });
    for (const type of ['None', 'OnNamespace'])
      await api.create(`${MONITORING}/alertmanagers`, {
        apiVersion,
        kind: 'Alertmanager',
        metadata: { name: type.toLowerCase() },
        spec: {
          alertmanagerConfigSelector: SELECTED,
          alertmanagerConfigNamespaceSelector: {},
          alertmanagerConfigMatcherStrategy: { type },
        },
      });
  }, 300_000);

  afterAll(async () => {
    await site?.stop();
    image?.remove();
  }, 60_000);

  const monitoring = async (path: string) => {
    const { data = {} } = await site.cluster.api.get<{ data?: Record<string, string> }>(`/api/v1/namespaces/monitoring/${path}`);
    return data;
  };
  /** The operator packs what it writes for its programs. */
  const packed = async (secret: string, key: string) =>
    parse(gunzipSync(Buffer.from((await monitoring(`secrets/${secret}`))[key] ?? '', 'base64')).toString());

  it('is admitted by kubectl apply too, from the plain manifests', async () => {
    const files = [
      'deploy/manifests/embedded.yaml',
      'deploy/manifests/redis.yaml',
      'deploy/manifests/monitoring.yaml',
      'rules/prometheusrule.yaml',
    ];
    for (const file of files) {
      const args = ['apply', '--dry-run=server', '--validate=strict', '-o', 'name', '-f', join(PROJECT, file)];
      expect((await site.cluster.kubectl(args)).trim().split('\n').length, file).toBeGreaterThan(0);
    }
  });

  describe.each(PRESETS)('by the preset %s', (preset) => {
    const replicas = preset === 'redis' ? 2 : 1;
    const running: RunningPod[] = [];
    let pods: readonly KubeObject[] = [];

    beforeAll(async () => {
      site.helm('install', preset, VALUES);
      pods = await podsOf(site, replicas);
    }, 120_000);
    afterAll(async () => {
      for (const one of running) await one.stop('SIGKILL');
    });
    const outputs = () => running.map(({ name, output }) => `${name}:\n${output().slice(-3000)}`).join('\n');

    it('is admitted whole, and its ReplicaSet makes pods that the standard `restricted` lets in', async () => {
      const rendered = site.manifest();
      const names = (objects: readonly KubeObject[]) => objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
      const { api } = site.cluster;
      const stored = await Promise.all(rendered.map(async (object) => api.get<KubeObject>(await api.pathOf(object))));
      expect(rendered.length).toBeGreaterThan(20);
      expect(names(stored)).toEqual(names(rendered));
      const [set, ...others] = await site.listed('replicasets');
      expect([others, set?.['spec'], set?.['status']]).toMatchObject([[], { replicas }, { replicas }]);
    });

    it('gives denywhy the right to list and to watch, to read logs where it was asked for, and nothing else', async () => {
      const kubeconfig = await site.cluster.kubeconfigFor({ namespace: NAMESPACE, name: 'denywhy' });
      const canI = (namespace: string) => site.cluster.kubectl(['--kubeconfig', kubeconfig, 'auth', 'can-i', '--list', '-n', namespace]);
      const [everywhere, shop] = [await canI('default'), await canI('shop')];
      await expect(everywhere).toMatchFileSnapshot(join(import.meta.dirname, 'golden/can-i.txt'));
      const rights = (text: string) => text.trimEnd().split('\n').slice(1);
      const more = rights(shop).filter((line) => !rights(everywhere).includes(line));
      expect(more).toEqual([expect.stringMatching(/^pods\/log +\[] +\[] +\[get]$/)]);
      const verbsOf = (line: string) => /\[([^\]]*)]$/.exec(line.trimEnd())?.[1]?.split(' ') ?? [line];
      const changing = rights(everywhere).filter((line) => verbsOf(line).some((verb) => !['get', 'list', 'watch'].includes(verb)));
      // Kubernetes gives these to everyone: to ask who one is, and what one may.
      expect(changing.map((line) => line.split(' ')[0]).sort()).toEqual([
        'selfsubjectaccessreviews.authorization.k8s.io',
        'selfsubjectreviews.authentication.k8s.io',
        'selfsubjectrulesreviews.authorization.k8s.io',
      ]);
    });

    it.skipIf(podSkip !== null)(
      `runs: follows every kind with the token of its pod, and takes from each client what it may send${podSkip === null ? '' : ` [${podSkip}]`}`,
      async () => {
        for (const pod of pods) running.push(await startPod(site.cluster, image, pod));
        for (const { url } of running)
          await until('ready', PATIENCE, async () => (await fetch(`${url}/readyz`).catch(() => null))?.status === 200, outputs);
        const [{ url } = { url: '' }] = running;
        const as = (token: string, more: object = {}) => ({ headers: { Authorization: `Bearer ${site.tokens.get(token)}`, ...more } });
        const metrics = async () => (await fetch(`${url}/metrics`, as('prometheus'))).text();
        const watching = `denywhy_cluster_kinds{state="watching"} ${WATCHED_KINDS.length}\n`;
        await until('all is watched', PATIENCE, async () => (await metrics()).includes(watching), outputs);
        const { items } = (await (await fetch(`${url}/api/v1/status`, as('people'))).json()) as { items: { id: string; state: string }[] };
        expect(items.find(({ id }) => id === 'kubernetes')).toMatchObject({ state: 'well', fault: null, remarks: [] });

        const post = async (token: string) => {
          const webhook = { method: 'POST', body: JSON.stringify(WEBHOOK), ...as(token, { 'Content-Type': 'application/json' }) };
          return (await fetch(`${url}/api/v1/webhooks/alertmanager`, webhook)).status;
        };
        expect([await post('alertmanager'), await post('prometheus'), await post('people')]).toEqual([200, 403, 403]);
        expect([(await fetch(`${url}/metrics`)).status, (await fetch(`${url}/metrics`, as('alertmanager'))).status]).toEqual([401, 403]);
      },
      180_000,
    );

    it("is taken up by the operator: rules, scrapes, and, by an Alertmanager that adds no matcher, all namespaces' alerts", async () => {
      const [rule] = await site.listed('prometheusrules.monitoring.coreos.com');
      const file = `denywhy-denywhy-${rule?.metadata.uid}.yaml`;
      const rules = async () => (await monitoring('configmaps/prometheus-main-rulefiles-0').catch(() => null))?.[file];
      await until('the rules', PATIENCE, async () => (await rules()) !== undefined);
      expect(parse((await rules()) ?? '')).toEqual(parse(readFileSync(join(PROJECT, 'rules/rules.yaml'), 'utf8')));

      interface Scrapes {
        readonly scrape_configs: readonly { readonly job_name: string }[];
      }
      const scrape = async () =>
        ((await packed('prometheus-main', 'prometheus.yaml.gz').catch(() => ({ scrape_configs: [] }))) as Scrapes).scrape_configs.find(
          ({ job_name: name }) => name === 'serviceMonitor/denywhy/denywhy/0',
        );
      await until('the scrape', PATIENCE, async () => (await scrape()) !== undefined);
      expect(await scrape()).toMatchObject({
        metrics_path: '/metrics',
        authorization: { type: 'Bearer', credentials: site.tokens.get('prometheus') },
      });

      interface Routes {
        readonly route: { readonly routes?: readonly { readonly receiver: string; readonly matchers: readonly string[] }[] };
        readonly receivers: readonly { readonly name: string }[];
      }
      const routes = async (alertmanager: string) =>
        (await packed(`alertmanager-${alertmanager}-generated`, 'alertmanager.yaml.gz').catch(() => ({ route: {} }))) as Routes;
      const matchers = async (alertmanager: string) =>
        (await routes(alertmanager)).route.routes?.find(({ receiver }) => receiver === 'denywhy/denywhy/denywhy')?.matchers;
      await until(
        'the route',
        PATIENCE,
        async () => (await matchers('none')) !== undefined && (await matchers('onnamespace')) !== undefined,
      );
      expect([await matchers('none'), await matchers('onnamespace')]).toEqual([
        ['alertname!="DenywhyExplained"', 'incident_kind=~".+"'],
        ['alertname!="DenywhyExplained"', 'incident_kind=~".+"', 'namespace="denywhy"'],
      ]);
      const credentials = { type: 'Bearer', credentials: site.tokens.get('alertmanager') };
      expect((await routes('none')).receivers.find(({ name }) => name === 'denywhy/denywhy/denywhy')).toMatchObject({
        webhook_configs: [
          { url: 'http://denywhy.denywhy.svc:8417/api/v1/webhooks/alertmanager', http_config: { authorization: credentials } },
        ],
      });
    }, 180_000);

    it('is upgraded: what changed is made anew, and what is off is gone', async () => {
      const [before] = await site.listed('replicasets');
      site.helm('upgrade', preset, { ...VALUES, config: { log: { level: 'debug' } }, linkerd: { enabled: false } });
      await until('a second ReplicaSet', PATIENCE, async () => (await site.listed('replicasets')).length === 2);
      expect((await site.listed('replicasets')).map(({ metadata }) => metadata.uid)).toContain(before?.metadata.uid);
      expect(await site.listed('servers.policy.linkerd.io,httproutes.policy.linkerd.io,roles,rolebindings')).toEqual([]);
    }, 120_000);

    it('leaves nothing behind but the volume with the incidents, which it takes up again', async () => {
      for (const one of running.splice(0)) expect(await one.stop('SIGTERM'), one.output()).toBe(0);
      const volume = async () => (await site.listed('persistentvolumeclaims'))[0]?.metadata.uid;
      const kept = await volume();
      const left = kept === undefined ? [] : ['persistentvolumeclaim/denywhy'];
      const untilLeft = (names: readonly string[]) =>
        until('all is gone', PATIENCE, async () => (await site.everything()).join() === names.join());
      site.uninstall();
      await untilLeft(left);
      if (preset === 'redis') return expect(kept).toBeUndefined();
      site.helm('install', preset, VALUES);
      expect([await volume(), (await podsOf(site, 1)).length]).toEqual([kept, 1]);
      site.uninstall();
      await untilLeft(left);
      await site.cluster.kubectl(['delete', 'pvc', 'denywhy', '-n', NAMESPACE]);
      await untilLeft([]);
    }, 240_000);
  });
});
