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
  switch (form) {
    case 'json':
      return showJson({ apiVersion: 'v1', kind: 'List', items: manifests });
    case 'patch':
      return showPatches(changes);
    case 'diff':
      return changes.map(({ diff }) => diff).join('');
    default:
      return [...deleted.map(deletion), ...manifests.map((manifest) => `---\n${showYaml(manifest)}`)].join('');
  }
}

function manifestsOf({ manifest }: Change): readonly unknown[] {
  return manifest === null ? [] : [manifest];
}

/** `kubectl apply` deletes nothing: the object is named. */
function deletion({ object }: Change): string {
  return `# Then delete ${showRef(object)}: apply does not do it.\n`;
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
