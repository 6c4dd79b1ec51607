import { describe, expect, it } from 'vitest';
import { nameOfKind, WATCHED_KINDS } from '../../src/drivers/kubernetes-kinds.ts';
import { isClusterScoped } from '../../src/manifests/kinds.ts';
import { keptOf } from '../../src/policy/kept.ts';
import { kindOf } from '../../src/policy/kinds.ts';

describe('the kinds that are watched', () => {
  it.each(WATCHED_KINDS.map((kind) => [nameOfKind(kind), kind] as const))(
    '%s is read by somebody, in the versions that the law knows',
    (_, kind) => {
      const apiVersion = kind.group === '' ? String(kind.versions[0]) : `${kind.group}/${kind.versions[0]}`;
      const metadata = { name: 'x', namespace: kind.isNamespaced ? 'shop' : '' };
      expect(keptOf({ apiVersion, kind: kind.kind, metadata, spec: {}, data: {} })).not.toBeNull();
      expect(kind.versions).toEqual(kindOf(`${kind.group}/${kind.kind}`)?.versions ?? kind.versions);
      expect(kind.isNamespaced).toBe(!isClusterScoped(`${kind.group}/${kind.kind}`));
    },
  );

  it('are each there once, Secrets not at all, and of ConfigMaps one', () => {
    const names = WATCHED_KINDS.map(nameOfKind);
    expect(new Set(names).size).toBe(names.length);
    expect(names).not.toContain('secrets');
    expect(WATCHED_KINDS.filter(({ name }) => name !== null)).toMatchObject([{ kind: 'ConfigMap', name: 'linkerd-config' }]);
  });
});
