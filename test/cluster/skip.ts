import { whatIsMissing } from './binaries.ts';

/** Why tests with a cluster are skipped; null: they run. Under CI a missing program is a failure. */
export const clusterSkip: string | null = requiredUnderCi(whatIsMissing());

function requiredUnderCi(missing: string | null): string | null {
  if (missing !== null && process.env['CI'] === 'true') throw new Error(missing);
  return missing;
}
