/** Who gets in and who no longer once the objects are applied to their cluster, and which of them does it. */
import { PROXY_ADMIN_PORT } from '../access/ports.ts';
import { objectKey, refOf } from '../policy/resource.ts';
import type { Shift } from './against.ts';
import type { Draft, Severity } from './finding.ts';
import { some } from './objects.ts';
import type { Scope } from './rule.ts';

/** One draft for each object that does it and each severity; the weightiest first. */
export function shiftDrafts(
  scope: Scope,
  outcome: Shift['outcome'],
  severityOf: (shift: Shift) => Severity,
  word: (shifts: readonly Shift[]) => Pick<Draft, 'problem' | 'right'>,
): readonly Draft[] {
  if (scope.against === undefined) return [];
  const objects = new Map(scope.resources.map((object) => [objectKey(refOf(object)), object]));
  const found = scope.against.shifts.flatMap((shift) => {
    const object = shift.outcome === outcome && shift.cause !== null ? objects.get(objectKey(shift.cause)) : undefined;
    return object === undefined ? [] : [{ shift, object, severity: severityOf(shift) }];
  });
  return [...Map.groupBy(found, ({ object, severity }) => `${severity} ${objectKey(refOf(object))}`).values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const shifts = group.map(({ shift }) => shift);
    const { object, severity } = first;
    return [{ severity, object, path: ['spec'], effect: effectOf(shifts), edits: [], ...word(shifts) }];
  });
}

const MOST = 4;

/** Clients for whom the same is said stand together; what concerns most requests comes first. */
function effectOf(shifts: readonly Shift[]): string {
  const groups = Map.groupBy(shifts, ({ servers, port, requests, why, wide }) => JSON.stringify([servers, port, requests, why, wide]));
  const sorted = [...groups.values()].toSorted((a, b) => (b[0]?.requests.length ?? 0) - (a[0]?.requests.length ?? 0));
  const shown = sorted.slice(0, MOST).flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { requests, servers, port, why, wide } = first;
    const counted = group.reduce((sum, { count }) => sum + (count ?? 0), 0);
    const seen = counted === 0 ? '' : `, ${counted} seen`;
    const clients = some([...new Set(group.map(({ client }) => client))], 4);
    return [`${clients} to port ${port} of ${some(servers, 2)} (${some(requests, 3)}${seen}): ${why}${wide === null ? '' : ` ${wide}`}`];
  });
  const more = sorted.length - shown.length;
  return [...shown, ...(more > 0 ? [`And ${more} more: denywhy simulate lists them.`] : [])].join(' ');
}

/** `1 client`, `3 clients`. */
export function countOf(shifts: readonly Shift[]): string {
  const clients = new Set(shifts.map(({ client }) => client)).size;
  return clients === 1 ? (shifts[0]?.client ?? '') : `${clients} clients`;
}

/** `port 8080 of deploy/backend`, or how many. */
export function portsOf(shifts: readonly Shift[]): string {
  const ports = new Set(
    shifts.flatMap(({ servers, port, namespace }) =>
      servers.map((server) => `${port === PROXY_ADMIN_PORT ? 'the proxy’s port 4191' : `port ${port}`} of ${server} in ${namespace}`),
    ),
  );
  return ports.size === 1 ? ([...ports][0] ?? '') : `${ports.size} ports`;
}
