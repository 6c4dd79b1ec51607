import { describe, expect, test } from 'vitest';
import { explainSituation, situation, situations } from './explain-run.ts';

interface Target {
  readonly server: { readonly name: string } | null;
  readonly route: { readonly name: string } | null;
  readonly port: number | null;
  readonly kind: string;
  readonly decision: { readonly sentence: string; readonly object: { readonly kind: string; readonly name: string } | null };
}

interface Client {
  readonly client: {
    readonly identity: string | null;
    readonly workload: { readonly namespace: string; readonly name: string } | null;
    readonly ips: readonly string[];
  };
  readonly targets: readonly Target[];
}

async function decisionsOf(name: string): Promise<readonly Client[]> {
  const { exitCode, stdout, stderr } = await explainSituation(situation(name), ['-o', 'json']);
  expect({ name, exitCode, stderr }).toEqual({ name, exitCode: 0, stderr: '' });
  return JSON.parse(stdout).clients;
}

function nameOf({ client }: Client): string {
  const { workload, identity, ips } = client;
  return workload === null ? (identity ?? ips.join(',')) : `${workload.namespace}/${workload.name}`;
}

describe('the sentence that says what decided', () => {
  test('for every client of every captured situation', async () => {
    const lines: string[] = [];
    for (const { name } of situations) {
      const clients = await decisionsOf(name);
      lines.push(`# ${name}`, ...(clients.length === 0 ? ['no denials'] : []));
      for (const client of clients) {
        for (const { decision, port, kind, route } of client.targets)
          lines.push(`${nameOf(client)} → ${port} ${route?.name ?? '-'} (${kind})`, `    ${decision.sentence}`);
      }
      lines.push('');
    }
    await expect(lines.join('\n')).toMatchFileSnapshot('golden/explain-sentences.txt');
  });

  /** What is known of each situation from how it was made: who was refused, the object to look at, and words that must be there. */
  test.each([
    ['identity-lists-wrong-namespace', 'shop/frontend', 'MeshTLSAuthentication frontend-mtls', /another namespace, staging/],
    ['wrong-trust-domain', 'shop/frontend', 'MeshTLSAuthentication frontend-mtls', /another trust domain, example\.com/],
    ['wrong-service-account', 'shop/admin-console', 'MeshTLSAuthentication frontend-mtls', /does not list this identity/],
    ['default-service-account', 'shop/batch', 'MeshTLSAuthentication frontend-mtls', /does not list this identity/],
    ['dangling-meshtls', 'shop/frontend', 'AuthorizationPolicy backend-frontend', /frontend-mtsl does not exist/],
    ['target-does-not-exist', 'shop/frontend', 'AuthorizationPolicy backend-frontend', /targets Server backend-web, which does not exist/],
    [
      'overlapping-servers',
      'shop/frontend',
      'AuthorizationPolicy backend-frontend',
      /Server backend-all has the port.*Server backend-http/,
    ],
    ['default-deny-no-server', 'shop/frontend', null, /No Server selects port 8080 .*default policy deny.*pod annotation/],
    ['default-deny-port-name-mismatch', 'shop/frontend', 'Server backend-http', /asks for a port named "web", and the pod declares http\./],
    ['server-without-authorization', 'shop/frontend', 'Server backend-http', /Nothing authorizes anyone on Server backend-http/],
    ['route-authorization-missing', 'shop/frontend', 'Server backend-http', /HTTPRoute backend-api or its Server/],
    ['network-cidr-mismatch', 'legacy/scanner', 'NetworkAuthentication pods', /does not hold the client’s address/],
    ['unmeshed-client', 'legacy/scanner', 'MeshTLSAuthentication frontend-mtls', /needs a mesh identity.*its pod has no proxy/],
    ['skip-outbound-port', 'shop/frontend', 'MeshTLSAuthentication frontend-mtls', /its pod is meshed, so its proxy was skipped/],
    ['default-all-authenticated', 'legacy/scanner', null, /Default policy all-authenticated needs a mesh identity/],
    ['require-identity-port', 'legacy/scanner', null, /proxy-require-identity-inbound-ports/],
    ['outside-cluster-networks', 'legacy/partner', null, /cluster-unauthenticated takes the networks of the cluster only/],
    ['access-policy-authenticated', 'legacy/scanner', null, /by its accessPolicy all-authenticated/],
    ['serverauthorization-default-networks', 'staging/roaming', 'ServerAuthorization backend-roaming', /names no networks/],
    ['route-not-attached', 'shop/frontend', 'AuthorizationPolicy api-frontend', /HTTPRoute shop\/backend-api, which is not attached/],
    [
      'route-other-than-assumed',
      'shop/frontend',
      'AuthorizationPolicy api-frontend',
      /matched HTTPRoute backend-admin.*another route, backend-api/,
    ],
    ['route-not-found', 'shop/frontend', 'Server backend-http', /No route of Server backend-http matches/],
    ['grpc-route-denied', 'shop/frontend', 'AuthorizationPolicy ledger-health', /takes ServiceAccount shop\/backend only/],
    ['tcp-non-http-on-http-server', 'shop/backend', 'Server database-raw', /declares HTTP\/1.*whoever asks/],
    ['tcp-unmeshed-opaque-port', 'legacy/scanner', 'AuthorizationPolicy database-backend', /needs a mesh identity/],
    ['tcp-app-tls-unmeshed', 'legacy/scanner', 'AuthorizationPolicy database-backend', /spoke TLS of its own/],
    ['opaque-server-with-http', 'shop/frontend', 'AuthorizationPolicy api-frontend', /protocol opaque\) routes do not count/],
    ['grpcroute-headers-without-method', 'shop/frontend', 'Server ledger-grpc', /missing RPC match/],
    ['rate-limit', 'shop/frontend', 'HTTPLocalRateLimitPolicy backend-rl', /not an authorization: per-identity rate limit exceeded: 2rps/],
    ['access-policy-audit', 'legacy/scanner', 'Server backend-http', /Server backend-http has accessPolicy audit: everyone gets in/],
    ['prometheus-admin-port', 'legacy/scanner', null, /No Server selects port 4191 \(the proxy’s own/],
    ['policy-controller-unresponsive', 'legacy/scanner', null, /acted by its own default policy deny/],
  ])('%s: %s', async (name, client, object, words) => {
    const found = (await decisionsOf(name)).filter((c) => nameOf(c) === client);
    const decisions = found.flatMap((c) => c.targets.map((t) => t.decision));
    expect(decisions.map((d) => d.sentence).join('\n')).toMatch(words);
    const named = decisions.map((d) => (d.object === null ? null : `${d.object.kind} ${d.object.name}`));
    expect(named).toContain(object);
  });

  test('a SPIFFE identity is told that wildcards never take it', async () => {
    const [client] = await decisionsOf('spiffe-client-wildcard');
    expect(client?.client.identity).toBe('spiffe://root.linkerd.cluster.local/external-vm');
    expect(client?.targets[0]?.decision.sentence).toMatch(/only wildcards, which never take a SPIFFE identity/);
  });

  test('an open connection that an edit cut is not taken for a refusal of a new one', async () => {
    const { stdout } = await explainSituation(situation('tcp-terminated-by-edit'));
    expect(stdout).toContain('1 open connection cut, 1 connection');
  });
});

describe('what a person sees', () => {
  test.each([
    'identity-lists-wrong-namespace',
    'default-deny-port-name-mismatch',
    'overlapping-servers',
    'route-not-attached',
    'route-not-found',
    'network-cidr-mismatch',
    'rate-limit',
    'ipv6-listeners-ipv4-clients',
    'tcp-unmeshed-opaque-port',
    'allowed-baseline',
  ])('in %s', async (name) => {
    const { stdout } = await explainSituation(situation(name), ['-n', 'shop']);
    await expect(stdout).toMatchFileSnapshot(`golden/explain-${name}.txt`);
  });

  test('fits 80 columns, and needs no more than 50', async () => {
    for (const { name } of situations) {
      for (const columns of [80, 50]) {
        const { stdout } = await explainSituation(situation(name), ['-n', 'shop'], { columns });
        const wide = stdout
          .split('\n')
          .filter((line) => [...line].length > columns && !/kubectl|denywhy simulate|\\$|> dump|config\.linkerd\.io/.test(line));
        expect({ name, columns, wide }).toEqual({ name, columns, wide: [] });
      }
    }
  });

  test('says with colours what it says without', async () => {
    const plain = await explainSituation(situation('identity-lists-wrong-namespace'));
    const coloured = await explainSituation(situation('identity-lists-wrong-namespace'), [], { isTTY: { stdout: true } });
    const refused = await explainSituation(situation('identity-lists-wrong-namespace'), [], {
      isTTY: { stdout: true },
      env: { NO_COLOR: '1' },
    });
    expect(coloured.stdout).toContain('\u001b[');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escapes of colours are what is taken away
    expect(coloured.stdout.replace(/\u001b\[\d+m/g, '')).toBe(plain.stdout);
    expect(refused.stdout).toBe(plain.stdout);
  });
});
