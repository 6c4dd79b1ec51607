/** The client is let in on the Server that has the port. */
import { showRef } from '../policy/resource.ts';
import { grantByIdentity } from './authorize.ts';
import type { Kind } from './plea.ts';

export const authorizeOnServer: Kind = {
  id: 'authorize-on-server',
  candidates(plea) {
    const { server } = plea.law.evaluation.policy;
    const changes = server === null ? [] : grantByIdentity(plea, server);
    return server === null || changes.length === 0 ? [] : [{ title: `Authorize the client on ${showRef(server)}.`, changes }];
  },
};
