/** CustomResourceDefinitions: Linkerd's, read in place beside the checkout, and the operator's, from its Go module. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Api, KubeObject } from './api.ts';
import { BINARIES } from './binaries.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const LINKERD = join(ROOT, '..', 'shared', 'schemas');
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** Why there are none of Linkerd's kinds; null: there are. They are not part of the checkout. */
export const linkerdCrdsSkip: string | null = existsSync(LINKERD)
  ? null
  : `Linkerd's CustomResourceDefinitions are not in ${relative(ROOT, LINKERD)} (linkerd install --crds prints them)`;

interface Definition extends KubeObject {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly plural: string };
    readonly versions: readonly { readonly name: string; readonly served: boolean }[];
  };
}

/** Creates every definition that is there and waits until the API serves their kinds. Returns the API groups that came. */
export async function installCrds(api: Api): Promise<readonly string[]> {
  const operators = yamlFiles(BINARIES.operatorCrds);
  const names = new Set(operators.map(fileName));
  const linkerds = linkerdCrdsSkip === null ? yamlFiles(LINKERD).filter((file) => !names.has(fileName(file))) : [];
  const created = await Promise.all([...linkerds, ...operators].map((file) => api.create<Definition>(CRDS, readFileSync(file, 'utf8'))));
  const deadline = performance.now() + 120_000;
  await Promise.all(created.map((definition) => untilServed(api, definition, deadline)));
  return [...new Set(created.map(({ spec }) => spec.group))];
}

/** Discovery is asked, not the definition itself: some are half a megabyte. */
async function untilServed(api: Api, { spec }: Definition, deadline: number): Promise<void> {
  const { group, names, versions } = spec;
  for (const { name: version } of versions.filter(({ served }) => served)) {
    const isServed = async () => {
      const { resources } = await api.get<{ resources: readonly { readonly name: string }[] }>(`/apis/${group}/${version}`);
      return resources.some(({ name }) => name === names.plural);
    };
    while (!(await isServed().catch(() => false))) {
      if (performance.now() > deadline) throw new Error(`the API server does not serve ${names.plural}.${group}/${version}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

function yamlFiles(directory: string): readonly string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => join(directory, name));
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
