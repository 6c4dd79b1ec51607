/** The policy objects that an incident's first client met, as they were at the denial or are now, with what decided. */
import type { TargetExplanation } from '../explain.ts';
import type { IncidentObjects, ObjectAsking, ShownObject } from '../http/options.ts';
import { showOrigin } from '../manifests/place.ts';
import { linesOf, showWritten } from '../manifests/yaml-marked.ts';
import { type DecidingField, decidingFields } from '../policy/deciding-fields.ts';
import type { ClusterView } from '../policy/history.ts';
import { isOfPods } from '../policy/kept.ts';
import { type ObjectRef, objectKey, type Resource } from '../policy/resource.ts';
import { findResource } from '../policy/snapshot.ts';
import type { Store } from '../ports.ts';
import { BOUNDS } from '../triage/incident.ts';
import { explanationOf } from '../triage/work.ts';
import type { PolicySource } from './policy-known.ts';

const MOST_OBJECTS = 16;

export function createObjectAsking(policy: Pick<PolicySource, 'current'>, store: Store): ObjectAsking {
  return {
    async of(id, at) {
      const view = policy.current()?.view ?? null;
      const explanation = await explanationOf(id, { store, bounds: BOUNDS, view });
      if (explanation === null) return null;
      const target = explanation.clients[0]?.targets[0];
      if (view === null || target === undefined) return { of: null, objects: [] };
      return objectsOf(target, view, at);
    },
  };
}

/** Pods and what comes and goes with them are no policy. */
export function objectsOf(target: TargetExplanation, view: ClusterView, at: 'denial' | 'now'): IncidentObjects {
  const [past, present] = [view.at(target.evaluatedAt), view.at(null)];
  const cited = [target.decision.object, ...target.findings.flatMap(({ objects }) => objects.map(({ ref }) => ref))].filter(
    (ref) => ref !== null,
  );
  const { evaluation } = target;
  const resource = (ref: ObjectRef) => findResource(past, ref);
  const fields = evaluation === null ? [] : decidingFields({ ...target, evaluation, cited, resource });
  const refs = new Map([...fields.map(({ object }) => object), ...cited].map((ref) => [objectKey(ref), ref]));
  const isShown = (ref: ObjectRef) => !isOfPods({ apiVersion: ref.group === '' ? 'v1' : `${ref.group}/`, kind: ref.kind });
  const isSame = (a: ObjectRef | null, b: ObjectRef) => a !== null && objectKey(a) === objectKey(b);
  const isRefusing = (ref: ObjectRef) => fields.some(({ object, says }) => says === 'denies' && isSame(object, ref));
  const rank = (ref: ObjectRef) => (isSame(target.decision.object, ref) ? 2 : isRefusing(ref) ? 1 : 0);
  const shown = [...refs.values()].filter(isShown).slice(0, MOST_OBJECTS);
  const objects = shown
    .toSorted((a, b) => rank(b) - rank(a))
    .map((ref) => showObject(ref, { past: resource(ref), present: findResource(present, ref), fields, at }));
  return { of: at === 'now' ? null : target.evaluatedAt, objects };
}

interface Known {
  readonly past: Resource | null;
  readonly present: Resource | null;
  readonly fields: readonly DecidingField[];
  readonly at: 'denial' | 'now';
}

/** What decided then may decide nothing now: lines are marked in the objects of then. */
function showObject(ref: ObjectRef, { past, present, fields, at }: Known): ShownObject {
  const [before, after] = [past, present].map((resource) => (resource === null ? null : showWritten(resource)));
  const since = before === after ? 'same' : after === null ? 'deleted' : before === null ? 'created' : 'changed';
  const own = fields.filter(({ object }) => objectKey(object) === objectKey(ref));
  const [resource, yaml = null] = at === 'now' ? [present, after] : [past, before];
  const lines =
    at === 'now' || yaml === null
      ? []
      : linesOf(
          yaml,
          own.map(({ path }) => path),
        );
  return {
    object: ref,
    place: resource?.origin === undefined ? null : showOrigin(resource.origin) || null,
    version: resource?.metadata.resourceVersion ?? null,
    yaml,
    since,
    lines: lines.flatMap((found, i) => {
      const field = own[i];
      return found === null || field === undefined ? [] : [{ ...found, says: field.says, reason: field.reason }];
    }),
  };
}
