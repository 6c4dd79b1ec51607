/** Mesh identities: `<serviceaccount>.<namespace>.serviceaccount.identity.<control-plane namespace>.<trust domain>`, or a SPIFFE URI. */
import type { ClusterInfo } from './settings.ts';

const MIDDLE = '.serviceaccount.identity.';

export interface ServiceAccountIdentity {
  readonly serviceAccount: string;
  readonly namespace: string;
  readonly controlPlaneNamespace: string;
  readonly trustDomain: string;
}

/** Reads an identity of Linkerd's form; null for any other (SPIFFE ids, foreign certificates). ServiceAccount names may hold dots, namespaces may not. */
export function parseIdentity(text: string): ServiceAccountIdentity | null {
  const at = text.indexOf(MIDDLE);
  if (at < 0) return null;
  const left = text.slice(0, at);
  const right = text.slice(at + MIDDLE.length);
  const dot = left.lastIndexOf('.');
  const cut = right.indexOf('.');
  if (dot <= 0 || dot === left.length - 1 || cut <= 0 || cut === right.length - 1) return null;
  return {
    serviceAccount: left.slice(0, dot),
    namespace: left.slice(dot + 1),
    controlPlaneNamespace: right.slice(0, cut),
    trustDomain: right.slice(cut + 1),
  };
}

export function showIdentity(id: ServiceAccountIdentity): string {
  return `${id.serviceAccount}.${id.namespace}${MIDDLE}${id.controlPlaneNamespace}.${id.trustDomain}`;
}

export function isUriIdentity(id: string): boolean {
  return id.includes('://');
}

/** The identity of a ServiceAccount of this cluster. */
export function serviceAccountIdentity(info: ClusterInfo, namespace: string, name: string): string {
  return `${name}.${namespace}${MIDDLE}${info.controlPlaneNamespace}.${info.identityTrustDomain}`;
}

/** The suffix that every identity of a namespace ends with. */
export function namespaceIdentitySuffix(info: ClusterInfo, namespace: string): string {
  return `.${namespace}${MIDDLE}${info.controlPlaneNamespace}.${info.identityTrustDomain}`;
}

/** A listed identity is exact, `*`, or `*.suffix`; a `*` anywhere else is taken literally and matches nobody. Suffixes keep their leading dot, `*` is the empty one. */
export function readIdentityPattern(text: string): { readonly identity: string } | { readonly suffix: string } {
  if (text === '*') return { suffix: '' };
  if (text.startsWith('*.')) return { suffix: text.slice(1) };
  return { identity: text };
}

/** A suffix takes DNS-form identities only. */
export function suffixMatches(suffix: string, id: string): boolean {
  return !isUriIdentity(id) && id.endsWith(suffix);
}
