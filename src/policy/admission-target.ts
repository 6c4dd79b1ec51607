/** References in specs (linkerd2 `policy-controller/k8s/api/src/policy/target_ref.rs`). */
import { optional, required, string, struct } from './serde.ts';

/** To an object of the same namespace: a `namespace` in it is no field and ignored. */
export const localTargetRef = struct('LocalTargetRef', { group: optional(string), kind: required(string), name: required(string) });

export const namespacedTargetRef = struct('NamespacedTargetRef', {
  group: optional(string),
  kind: required(string),
  name: required(string),
  namespace: optional(string),
});
