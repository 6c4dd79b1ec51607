import { effectOf } from './effect.ts';
import type { LintRule } from './rule.ts';
import { portsServed, readServers } from './servers.ts';

export const serverWithoutAuthorization: LintRule = {
  code: 'server-without-authorization',
  title: 'a Server that nothing opens',
  *check({ resources, snapshot }) {
    for (const { object, server } of readServers(snapshot, resources)) {
      const served = portsServed(snapshot, server);
      const isClosed = served.every(
        ({ policy }) =>
          policy.authorizations.length === 0 &&
          (policy.routes ?? []).every((route) => route.object === null || route.authorizations.length === 0),
      );
      if (served.length === 0 || !isClosed) continue;
      yield {
        severity: 'warning',
        object,
        path: ['spec'],
        problem:
          'Nothing authorizes anybody on this Server. A Server takes its port out of the default policy, and lets in nobody by itself.',
        effect: effectOf(snapshot, object),
        right:
          'An AuthorizationPolicy that targets it (kind Server, or its routes), applied together with it; accessPolicy: audit while clients are not known yet.',
        edits: [],
      };
    }
  },
};
