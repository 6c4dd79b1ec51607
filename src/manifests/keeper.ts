/** Who keeps an object as it is written elsewhere, and would take a manual edit back: told by labels, annotations, owners and managers. */
import type { Resource } from '../policy/resource.ts';

export interface Keeper {
  readonly tool: 'Argo CD' | 'Flux' | 'Helm' | 'controller';
  /** Of the application, release or owner; null: the object does not say. */
  readonly name: string | null;
}

/** null: nobody is known to. Labels and managers are claims of whoever wrote the object. */
export function keeperOf({ metadata }: Resource): Keeper | null {
  const labels = new Map(Object.entries(metadata.labels ?? {}));
  const annotations = new Map(Object.entries(metadata.annotations ?? {}));
  const managers = new Set(
    (metadata.managedFields ?? []).flatMap(({ manager, subresource }) => (subresource === undefined ? [manager] : [])),
  );
  const isManagedBy = (...names: readonly string[]) => names.some((name) => managers.has(name));

  const argo = annotations.get('argocd.argoproj.io/tracking-id')?.split(':', 1)[0] ?? labels.get('argocd.argoproj.io/instance');
  if (argo !== undefined || isManagedBy('argocd-controller', 'argocd-application-controller'))
    return { tool: 'Argo CD', name: argo ?? null };
  const flux = labels.get('kustomize.toolkit.fluxcd.io/name') ?? labels.get('helm.toolkit.fluxcd.io/name');
  if (flux !== undefined || isManagedBy('kustomize-controller', 'helm-controller')) return { tool: 'Flux', name: flux ?? null };
  const release = annotations.get('meta.helm.sh/release-name');
  if (release !== undefined || labels.get('app.kubernetes.io/managed-by') === 'Helm' || isManagedBy('helm', 'Helm'))
    return { tool: 'Helm', name: release ?? null };
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  return owner === undefined ? null : { tool: 'controller', name: `${owner.kind} ${owner.name}` };
}
