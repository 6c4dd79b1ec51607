/** Each kind of remedy by one case or captured situation: what to do, and the proof, as `explain` prints it. */
import { expect, it } from 'vitest';
import { showWayOut } from '../../src/commands/explain-remedies.ts';
import { createPalette } from '../../src/commands/terminal.ts';
import type { RemedyId } from '../../src/diagnoses/finding.ts';
import { type Offer, offersOfCases, offersOfSituations } from './offers.ts';

/** `do-not-allow` is no change, and `withdraw-grant` is posture's: it has a golden file of its own. */
const SHOWN: Readonly<Record<Exclude<RemedyId, 'do-not-allow' | 'withdraw-grant'>, string>> = {
  'repair-reference': 'dangling-reference/firing-identity',
  'repair-identity': 'identity-wrong-namespace/firing-typo',
  'repair-selector': 'server-misses-port/firing-label-that-no-pod-has',
  'repair-protocol': 'not-http/firing-sql-on-an-http-server',
  'repair-route': 'grpcroute-headers-without-method',
  'repair-annotation': 'client-skips-its-proxy/firing-skipped-port',
  'attach-route': 'route-not-attached/firing-the-log-tells-the-path',
  'revert-change': 'policy-changed/firing-server-authorization-deleted',
  'probe-route': 'probe-not-allowed/firing-the-first-route',
  'scrape-route': 'prometheus-denied/firing-meshed-prometheus',
  'extend-route-match': 'route-not-found',
  'add-identity': 'identity-not-listed/firing-one-other-is-listed',
  'authorize-on-route': 'matched-another-route/firing-nobody-is-authorized-there',
  'authorize-on-server': 'identity-and-address-required/firing-the-identity-is-wrong',
  'server-for-port': 'no-server-for-port/firing-default-deny',
  'mesh-client': 'client-not-meshed/firing-pod-without-proxy',
  'own-service-account': 'default-service-account/firing-a-deployment-of-its-own',
  'network-authentication': 'address-not-listed/firing-misses-by-a-block',
  'open-inbound-port': 'network-blocked/firing-application-port-alone',
  'narrow-policy': 'route-policy-does-not-restrict/firing-everyone-meshed-on-the-server',
  'restart-pods': 'service-account-replaced/firing-its-account-is-gone',
  'raise-limit': 'rate-limited/firing-per-identity',
};
const STYLE = { columns: 120, palette: createPalette(false), now: 0, namespace: null };

function told(id: string, { of, wayOut, remedy }: Offer): string {
  const place = wayOut.remedies.indexOf(remedy) + 1;
  const changes = remedy.changes.map(({ action, object: { kind, namespace, name } }) => `${action} ${kind} ${namespace}/${name}`);
  const [, ...lines] = showWayOut({ wayOut: { ...wayOut, reasons: [], remedies: [remedy] }, findings: [] }, STYLE);
  return [
    `# ${id}`,
    `case     ${of}`,
    `verdict  ${wayOut.verdict}, remedy ${place} of ${wayOut.remedies.length}`,
    `changes  ${changes.join(', ') || 'none: advice'}`,
    ...lines,
    '',
  ].join('\n');
}

it('each has a case that shows it, with its proof', async () => {
  const offers = [...(await offersOfCases()), ...offersOfSituations()];
  const texts = Object.entries(SHOWN).map(([id, of]) => {
    const found = offers.find((offer) => offer.of === of && offer.remedy.id === id);
    expect(found, `${id} of ${of}`).toBeDefined();
    return found === undefined ? '' : told(id, found);
  });
  await expect(texts.join('\n')).toMatchFileSnapshot('golden/kinds.txt');
}, 120_000);
