/** Every lint rule, in the order of the documentation. */
import { danglingAuthentication } from './dangling-authentication.ts';
import { deprecatedApiVersion } from './deprecated-api-version.ts';
import { invalidObject } from './invalid-object.ts';
import { policyInAnotherNamespace } from './policy-in-another-namespace.ts';
import type { LintRule } from './rule.ts';
import { suppressionWithoutReason } from './suppression-without-reason.ts';
import { targetMissing } from './target-missing.ts';
import { unknownField } from './unknown-field.ts';
import { wrongApiVersion } from './wrong-api-version.ts';
import { wrongReference } from './wrong-reference.ts';

export const RULES: readonly LintRule[] = [
  wrongApiVersion,
  deprecatedApiVersion,
  unknownField,
  wrongReference,
  invalidObject,
  targetMissing,
  policyInAnotherNamespace,
  danglingAuthentication,
  suppressionWithoutReason,
];
