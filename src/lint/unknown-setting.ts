import { parse } from 'yaml';
import type { Path } from '../manifests/document.ts';
import { DEFAULT_POLICIES, parseDefaultPolicy } from '../policy/default-policy.ts';
import type { Resource } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { ofKind, or, textAt, valueAt } from './objects.ts';
import type { LintRule } from './rule.ts';

/** Objects that tutorials invent. */
const NO_SUCH_OBJECT: ReadonlySet<string> = new Set(['linkerd-policy-controller', 'linkerd-policy', 'linkerd-policy-config']);

/** Keys of the Helm values that never were, or no longer are, and what does it (linkerd2 `charts/linkerd-control-plane/values.yaml`). */
const NO_SUCH_KEY: readonly (readonly [path: Path, right: string])[] = [
  [['policyController', 'defaultAllowPolicy'], 'proxy.defaultInboundPolicy'],
  [['policyController', 'defaultPolicy'], 'proxy.defaultInboundPolicy'],
  [['proxy', 'defaultAllowPolicy'], 'proxy.defaultInboundPolicy'],
  [['proxy', 'defaultPolicy'], 'proxy.defaultInboundPolicy'],
  [['defaultInboundPolicy'], 'proxy.defaultInboundPolicy'],
  [['policyController', 'image'], 'controllerImage, which all controllers share'],
  [['policyController', 'clusterNetworks'], 'clusterNetworks'],
  [['proxy', 'probeNetworks'], 'policyController.probeNetworks'],
];

export const unknownSetting: LintRule = {
  code: 'unknown-setting',
  title: 'a setting that Linkerd does not have',
  *check({ resources, snapshot }) {
    for (const object of ofKind(resources, '', 'ConfigMap')) {
      if (NO_SUCH_OBJECT.has(object.metadata.name)) {
        const policy = textAt(object, 'data', 'default-policy');
        yield {
          severity: 'error',
          object,
          path: ['metadata', 'name'],
          problem: `Linkerd reads no ConfigMap ${object.metadata.name}. The policy controller is a container of Deployment linkerd-destination, and has its settings from its arguments.`,
          effect: `It changes nothing: the default inbound policy stays ${snapshot.info.defaultPolicy}${policy === null ? '' : `, whatever default-policy: ${policy} says`}.`,
          right: `linkerd upgrade --set proxy.defaultInboundPolicy=${policy !== null && parseDefaultPolicy(policy) !== null ? policy : 'deny'} | kubectl apply -f - (or the same value by Helm)`,
          edits: [],
        };
      }
      if (object.metadata.name !== 'linkerd-config') continue;
      for (const { problem, effect, right } of faultsIn(valuesOf(object)))
        yield { severity: 'error', object, path: ['data', 'values'], problem, effect, right, edits: [] };
    }
  },
};

function valuesOf(object: Resource): unknown {
  try {
    return parse(textAt(object, 'data', 'values') ?? '', { schema: 'core', logLevel: 'silent' });
  } catch {
    return null;
  }
}

function* faultsIn(values: unknown): Generator<{ readonly problem: string; readonly effect: string; readonly right: string }> {
  if (!isObject(values)) return;
  for (const [path, right] of NO_SUCH_KEY)
    if (valueAt(values, path) !== undefined)
      yield {
        problem: `Linkerd's chart has no value ${path.join('.')}.`,
        effect: 'Helm takes any key and uses none that it does not know: it changes nothing.',
        right,
      };
  const policy = valueAt(values, ['proxy', 'defaultInboundPolicy']);
  if (policy !== undefined && policy !== '' && (typeof policy !== 'string' || parseDefaultPolicy(policy) === null))
    yield {
      problem: `proxy.defaultInboundPolicy: ${JSON.stringify(policy)} is no default policy.`,
      effect: 'The policy controller does not start with it.',
      right: or(DEFAULT_POLICIES),
    };
}
