/** One remedy alone: for `kubectl apply`, for `kubectl patch`, as a diff, or as data. */
import { InvalidInput } from '../errors.ts';
import { showYaml } from '../manifests/yaml-show.ts';
import { type Instant, showRef } from '../policy/resource.ts';
import { EXPIRES_ANNOTATION } from '../policy/temporary-grant.ts';
import { showInstant } from '../policy/time.ts';
import type { Change, Remedy } from '../remedies/remedy.ts';
import { showJson } from './explain-data.ts';
import type { RemedyForm } from './remedy-forms.ts';

/** `number` from 1. Errors: InvalidInput where there is no such remedy. */
export function chosenRemedy(remedies: readonly Remedy[], number: number): Remedy {
  const chosen = remedies[number - 1];
  if (chosen !== undefined) return chosen;
  const what = remedies.length === 0 ? 'This answer has no remedy that changes an object' : `This answer has ${remedies.length} of them`;
  throw new InvalidInput(`there is no remedy ${number}.`, `${what}: look at it without --remedy first.`);
}

/** `expires` null: for good. Errors: InvalidInput where an object that stands would have to go with it. */
export function showRemedy(remedy: Remedy, form: RemedyForm, expires: Instant | null): string {
  const { changes } = remedy;
  const manifests = expires === null ? changes.flatMap(manifestsOf) : changes.map((change) => expiring(change, expires));
  const deleted = changes.filter(({ action }) => action === 'delete');
  const partial = changes.filter(isPartial);
  switch (form) {
    case 'json':
      if (partial.length > 0) throw inParts(partial);
      return showJson({ apiVersion: 'v1', kind: 'List', items: manifests });
    case 'patch':
      return showPatches(changes);
    case 'diff':
      return changes.map(({ diff }) => diff).join('');
    default:
      return [
        ...deleted.map(deletion),
        ...changes.flatMap(jobFirst),
        ...partial.map(patching),
        ...manifests.map((manifest) => `---\n${showYaml(manifest)}`),
      ].join('');
  }
}

function manifestsOf({ manifest }: Change): readonly unknown[] {
  return manifest === null ? [] : [manifest];
}

/** `kubectl apply` deletes nothing: the object is named. */
function deletion({ object }: Change): string {
  return `# Then delete ${showRef(object)}: apply does not do it.\n`;
}

/** Of a workload that was read from a cluster only what decides is known. */
function isPartial({ action, manifest }: Change): boolean {
  return action === 'edit' && manifest === null;
}

/** Behind all that is applied: the account and its grants come first. */
function patching({ object, patch }: Change): string {
  const { kind, namespace, name } = object;
  const said = `# Then change ${showRef(object)}, of which only a part is known here:\n`;
  if (![kind.toLowerCase(), namespace, name].every((word) => PLAIN.test(word))) return said;
  return `${said}#   kubectl patch ${kind.toLowerCase()}/${name} -n ${namespace} --type json -p '${JSON.stringify(patch)}'\n`;
}
/** Names that need no quotes in a shell. */
const PLAIN = /^[a-z0-9][a-z0-9.-]*$/;

function jobFirst({ action, object }: Change): readonly string[] {
  return action === 'edit' && object.kind === 'Job'
    ? [`# First delete ${showRef(object)}: the template of a Job cannot be changed.\n`]
    : [];
}

function inParts(partial: readonly Change[]): InvalidInput {
  const names = partial.map(({ object }) => showRef(object)).join(', ');
  return new InvalidInput(
    `of ${names} only a part is known, which is no whole object.`,
    'Take -o yaml, which has the command that changes it.',
  );
}

function expiring({ action, object, manifest }: Change, at: Instant): unknown {
  if (action !== 'create' || manifest === null)
    throw new InvalidInput(
      `--expires is for grants that are objects of their own, and this remedy changes ${showRef(object)}, which stands.`,
      'Choose a remedy that creates objects, or leave --expires out.',
    );
  const whole = manifest as { readonly metadata: { readonly annotations?: object } };
  const annotations = { ...whole.metadata.annotations, [EXPIRES_ANNOTATION]: showInstant(at) };
  return { ...whole, metadata: { ...whole.metadata, annotations } };
}

/** One for each object that is edited; what is created has none. */
function showPatches(changes: readonly Change[]): string {
  const patches = changes.flatMap(({ object, patch }) => (patch.length === 0 ? [] : [{ object, patch }]));
  const rest = changes.filter(({ patch }) => patch.length === 0);
  if (rest.length > 0)
    throw new InvalidInput(
      `${rest.map(({ object }) => showRef(object)).join(', ')} ${rest.length === 1 ? 'is' : 'are'} created or deleted, which is no patch.`,
      'Take -o yaml, or choose a remedy that edits what stands.',
    );
  const [only, ...more] = patches;
  // As `kubectl patch --type json --patch-file` takes it.
  return showJson(more.length === 0 ? (only?.patch ?? []) : patches);
}
