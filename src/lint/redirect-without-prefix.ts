import type { HttpRequest } from '../policy/evaluation.ts';
import { redirect } from '../policy/redirect.ts';
import { objectKey, refOf } from '../policy/resource.ts';
import { namespaceIndex } from '../policy/snapshot.ts';
import type { LintRule } from './rule.ts';

const REQUEST: HttpRequest = { version: 'HTTP/1.1', method: 'GET', authority: 'example', path: '/', headers: [], grpc: false };

export const redirectWithoutPrefix: LintRule = {
  code: 'redirect-without-prefix',
  title: 'a redirect that replaces a prefix where none was matched',
  *check({ resources, snapshot }) {
    for (const object of resources.filter(({ kind }) => kind === 'HTTPRoute')) {
      const route = [...namespaceIndex(snapshot, object.metadata.namespace).routes.values()].find(
        ({ resource }) => objectKey(refOf(resource)) === objectKey(refOf(object)),
      )?.value;
      // Without a Server for a parent it is no business of the proxy of a server.
      if (route?.rules.type !== 'http' || route.parents.length === 0) continue;
      for (const [i, rule] of route.rules.rules.entries()) {
        for (const filter of rule.filters) {
          if (filter.type !== 'RequestRedirect') continue;
          const failing = rule.matches.flatMap(({ path }) => {
            const asked = path?.type === 'exact' ? path.value : '/';
            const result = redirect(filter, { ...REQUEST, path: asked }, { path });
            return result !== null && 'error' in result && path !== null ? [{ path, error: result.error }] : [];
          });
          const [first] = failing;
          if (first === undefined) continue;
          yield {
            severity: 'error',
            object,
            path: ['spec', 'rules', i, 'filters'],
            problem: `A match of the rule is ${first.path.type === 'exact' ? `Exact ${first.path.value}` : `RegularExpression ${first.path.value}`}, and ReplacePrefixMatch needs one of PathPrefix.`,
            effect: `Whoever is let in by the route gets 500 there: ${first.error}.`,
            right: 'type: ReplaceFullPath, replaceFullPath: the path that it leads to; or PathPrefix in the match',
            edits: [],
          };
        }
      }
    }
  },
};
