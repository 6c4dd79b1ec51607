/** Whether what was granted for a while is still there after it. */
import { plainName } from '../evidence/plain-name.ts';
import { type Instant, type Resource, refOf, showRef } from '../policy/resource.ts';
import { EXPIRES_ANNOTATION, expiryOf } from '../policy/temporary-grant.ts';
import { showInstant } from '../policy/time.ts';
import { type CheckLine, count, line, some } from './check-line.ts';

/** Empty: nothing was granted for a while. */
export function checkGrants(resources: readonly Resource[], now: Instant): readonly CheckLine[] {
  const grants = resources.flatMap((resource) => {
    const expires = expiryOf(resource);
    return expires === null ? [] : [{ resource, name: showRef(refOf(resource)), expires }];
  });
  if (grants.length === 0) return [];
  const bad = grants.filter(({ expires }) => Number.isNaN(expires));
  const expired = grants.filter(({ expires }) => expires <= now).toSorted((a, b) => a.expires - b.expires);
  const all = count(grants.length, 'temporary grant');
  if (expired.length > 0)
    return [
      failed(
        `${expired.length} of ${all} expired and still in force: ${some(expired.map(({ name, expires }) => `${name} (${showMinute(expires)})`))}`,
        'Linkerd does not read the annotation: remove what it grants, or give it more time:',
        ...expired.slice(0, 4).map(({ resource: { kind, metadata } }) => annotate(kind, metadata)),
      ),
    ];
  if (bad.length > 0)
    return [
      failed(
        `${bad.length} of ${all} say no time that can be read in ${EXPIRES_ANNOTATION}: ${some(bad.map(({ name }) => name))}`,
        'It is written 2026-11-24T12:00:00Z.',
      ),
    ];
  const next = Math.min(...grants.map(({ expires }) => expires));
  return [line('linkerd', 'temporary-grants', 'ok', `${all}, the next one expires ${showMinute(next)}`)];
}

function failed(text: string, ...remedy: readonly string[]): CheckLine {
  return line('linkerd', 'temporary-grants', 'failed', text, ...remedy);
}

function annotate(kind: string, { namespace, name }: Resource['metadata']): string {
  return `kubectl annotate --overwrite -n ${plainName(namespace, 'NAMESPACE')} ${plainName(kind.toLowerCase(), 'KIND')}/${plainName(name, 'NAME')} ${EXPIRES_ANNOTATION}=TIME`;
}

function showMinute(at: Instant): string {
  return `${showInstant(at).slice(0, 16)}Z`;
}
