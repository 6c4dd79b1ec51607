/** Which identities a MeshTLSAuthentication may list (linkerd2 `policy-controller/runtime/src/validation.rs`): DNS names with an optional first `*`, or SPIFFE ids. */

const SCHEME = 'spiffe://';
const DNS_REGEX = String.raw`^(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`;
const NOT_AN_IDENTITY = `identity must be a valid SPIFFE id or a DNS SAN, matching the regex: ${DNS_REGEX}`;

/** null when the identity is well-formed, else Linkerd's reason. */
export function identityFault(id: string): string | null {
  if (id.startsWith(SCHEME)) return spiffeFault(id.slice(SCHEME.length));
  return isDnsIdentity(id) ? null : NOT_AN_IDENTITY;
}

function isDnsIdentity(id: string): boolean {
  const labels = id.split('.');
  return labels.every((label, i) => (i === 0 && label === '*') || /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/.test(label));
}

function spiffeFault(rest: string): string | null {
  const slash = rest.indexOf('/');
  const trustDomain = slash < 0 ? rest : rest.slice(0, slash);
  if (trustDomain === '') return 'SPIFFE trust domain is missing';
  if (!/^[-._a-z0-9]+$/.test(trustDomain)) {
    return 'SPIFFE trust domain characters are limited to lowercase letters, numbers, dots, dashes, and underscores';
  }
  return slash < 0 ? null : spiffePathFault(rest.slice(slash + 1).split('/'));
}

/** Left to right, so that the first fault is the one that is named. A segment's characters are looked at before its end is known. */
function spiffePathFault(segments: readonly string[]): string | null {
  for (const [i, segment] of segments.entries()) {
    if (!/^[-._a-zA-Z0-9]*$/.test(segment)) {
      return 'SPIFFE path segment characters are limited to letters, numbers, dots, dashes, and underscores';
    }
    if (segment === '')
      return i === segments.length - 1 ? 'SPIFFE path cannot have a trailing slash' : 'SPIFFE path cannot contain empty segments';
    if (segment === '.' || segment === '..') return 'SPIFFE path cannot contain dot segments';
  }
  return null;
}
