/** Helm, as `.ci/run` builds it, and what it makes of the chart. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../cluster/api.ts';

const BUILT = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'denywhy', 'bin', 'helm');
const HELM = existsSync(BUILT) ? BUILT : 'helm';

export const CHART = join(import.meta.dirname, '../../deploy/chart');
export const PRESETS = ['embedded', 'redis'] as const;
export type Preset = (typeof PRESETS)[number];

/** Why tests with Helm are skipped; null: they run. Under CI a missing one is a failure. */
export const helmSkip: string | null = hasHelm()
  ? null
  : 'helm is not built: GOBIN=~/.cache/denywhy/bin go install helm.sh/helm/v3/cmd/helm@v3.22.0 (once, some minutes)';

function hasHelm(): boolean {
  if (spawnSync(HELM, ['version']).status === 0) return true;
  if (process.env['CI'] === 'true') throw new Error('helm is not built: .ci/run builds it where Go is');
  return false;
}

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `input` goes to stdin: values, with `-f -`. */
export function helm(args: readonly string[], { input = '', env = {} }: { input?: string; env?: NodeJS.ProcessEnv } = {}): Ran {
  const { status, stdout, stderr } = spawnSync(HELM, args, {
    input,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 64 * 2 ** 20,
  });
  return { status, stdout, stderr };
}

export function presetFile(preset: Preset): string {
  return join(CHART, `values-${preset}.yaml`);
}

/** The text of `helm template denywhy` in namespace `denywhy`. Throws with what Helm said. */
export function renderText(preset: Preset, values: object = {}, more: readonly string[] = []): string {
  const args = ['template', 'denywhy', CHART, '--namespace', 'denywhy', '-f', presetFile(preset), '-f', '-', ...more];
  const { status, stdout, stderr } = helm(args, { input: JSON.stringify(values) });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

export function render(preset: Preset, values: object = {}): readonly KubeObject[] {
  return objectsIn(renderText(preset, values));
}

export function objectsIn(text: string): readonly KubeObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors[0] !== undefined) throw document.errors[0];
    const object = document.toJS() as KubeObject | null;
    return object === null ? [] : [object];
  });
}

/** The only object of its kind whose name ends so. */
export function only(objects: readonly KubeObject[], kind: string, name = ''): KubeObject {
  const [found, ...others] = objects.filter((object) => object.kind === kind && object.metadata.name.endsWith(name));
  if (found === undefined || others.length > 0) throw new Error(`${others.length + (found === undefined ? 0 : 1)} of ${kind} ${name}`);
  return found;
}
