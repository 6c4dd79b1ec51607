import { expect, it } from 'vitest';
import { nameOfKind, WATCHED_KINDS } from '../../src/drivers/kubernetes-kinds.ts';
import { dumpCommand } from '../../src/manifests/dump.ts';

/** As kubectl knows them for short. */
const SHORT: Readonly<Record<string, string>> = {
  ns: 'namespaces',
  sa: 'serviceaccounts',
  svc: 'services',
  rc: 'replicationcontrollers',
  endpointslices: 'endpointslices.discovery.k8s.io',
  netpol: 'networkpolicies.networking.k8s.io',
  deploy: 'deployments.apps',
  rs: 'replicasets.apps',
  sts: 'statefulsets.apps',
  ds: 'daemonsets.apps',
  jobs: 'jobs.batch',
  cronjobs: 'cronjobs.batch',
  srv: 'servers.policy.linkerd.io',
  saz: 'serverauthorizations.policy.linkerd.io',
  authzpolicy: 'authorizationpolicies.policy.linkerd.io',
  meshtlsauthn: 'meshtlsauthentications.policy.linkerd.io',
  netauthn: 'networkauthentications.policy.linkerd.io',
  httplocalratelimitpolicies: 'httplocalratelimitpolicies.policy.linkerd.io',
  egressnetworks: 'egressnetworks.policy.linkerd.io',
  externalworkloads: 'externalworkloads.workload.linkerd.io',
};

it('a dump holds what is watched of a cluster, but for what is asked for by itself', () => {
  const kinds = /^kubectl get (\S+) -A -o yaml > dump\.yaml$/.exec(dumpCommand('dump.yaml'))?.[1]?.split(',') ?? [];
  const dumped = new Set(kinds.map((kind) => SHORT[kind] ?? kind));
  expect(WATCHED_KINDS.map(nameOfKind).filter((name) => !dumped.delete(name))).toEqual([
    // One object, in the control plane's namespace.
    'configmaps',
    // CRDs that many clusters lack, and kubectl then refuses all.
    'httproutes.gateway.networking.k8s.io',
    'grpcroutes.gateway.networking.k8s.io',
    // For `check` alone.
    'prometheuses.monitoring.coreos.com',
    'prometheusrules.monitoring.coreos.com',
    'alertmanagers.monitoring.coreos.com',
  ]);
  expect([...dumped]).toEqual([]);
});
