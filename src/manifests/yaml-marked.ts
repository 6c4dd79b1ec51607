/** Objects as YAML, with the lines on which given fields stand. */
import { isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from 'yaml';
import type { Resource } from '../policy/resource.ts';
import type { Path } from './document.ts';
import { showYaml } from './yaml-show.ts';

/** Lines of a text, from 1, both ends included. */
export interface Lines {
  readonly from: number;
  readonly to: number;
}

/** What a person writes of an object: neither its status nor what the API server adds. */
export function showWritten({ apiVersion, kind, metadata, spec }: Resource): string {
  const { name, namespace, labels, annotations } = metadata;
  return showYaml({
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace === '' ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    },
    ...(spec === undefined ? {} : { spec }),
  });
}

/** Where the values at these paths stand in a text of `showWritten`, their keys included; null for one that is not there. */
export function linesOf(text: string, paths: readonly Path[]): readonly (Lines | null)[] {
  const counter = new LineCounter();
  const { contents } = parseDocument(text, { lineCounter: counter, schema: 'core', uniqueKeys: false, logLevel: 'silent' });
  const lineOf = (offset: number) => counter.linePos(offset).line;
  return paths.map((path) => {
    const found = rangeOf(contents, path);
    return found === null ? null : { from: lineOf(found[0]), to: lineOf(Math.max(found[0], found[1] - 1)) };
  });
}

/** From the key to where the value ends, without the line feed behind it. */
function rangeOf(root: Node | null, path: Path): readonly [from: number, to: number] | null {
  let node: unknown = root;
  let from: number | undefined;
  for (const step of path) {
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (pair === undefined) return null;
      from = isScalar(pair.key) ? pair.key.range?.[0] : undefined;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      from = isNodeWithRange(node) ? node.range[0] : undefined;
    } else return null;
  }
  if (!isNodeWithRange(node)) return null;
  return [from ?? node.range[0], node.range[1]];
}

function isNodeWithRange(node: unknown): node is Node & { readonly range: readonly [number, number, number] } {
  return typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range);
}
