import type { LintRule } from './rule.ts';

/** Served still, and said to be deprecated by the API server (linkerd2 `charts/linkerd-crds/templates/policy`), and what takes its place. */
const DEPRECATED: ReadonlyMap<string, string> = new Map([
  ['policy.linkerd.io/v1alpha1/Server', 'policy.linkerd.io/v1beta3'],
  ['policy.linkerd.io/v1beta1/Server', 'policy.linkerd.io/v1beta3'],
  ['policy.linkerd.io/v1alpha1/ServerAuthorization', 'policy.linkerd.io/v1beta1'],
]);

export const deprecatedApiVersion: LintRule = {
  code: 'deprecated-api-version',
  title: 'the version is deprecated',
  *check({ resources }) {
    for (const object of resources) {
      const right = DEPRECATED.get(`${object.apiVersion}/${object.kind}`);
      if (right === undefined || object.metadata.uid !== undefined) continue;
      yield {
        severity: 'warning',
        object,
        path: ['apiVersion'],
        problem: `${object.kind} ${object.apiVersion} is deprecated.`,
        effect: 'It is applied, with a warning of the API server. A release that no longer serves the version refuses it.',
        right: `apiVersion: ${right}`,
        edits: [{ set: ['apiVersion'], value: right }],
      };
    }
  },
};
