/** A log line may name the path of a request and not its method: what the routes tell of the method. */
import { findRoute } from './http-match.ts';
import type { InboundRoute } from './inbound.ts';

/** Those that HTTPRoutes can ask for (gateway.networking.k8s.io `HTTPMethod`), the usual ones first. */
export const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'CONNECT', 'TRACE'] as const;

/** The methods with which some route takes the path: one that no route took came by another, if not to another host. */
export function methodsTaken(routes: readonly InboundRoute[], path: string): readonly string[] {
  const request = { version: 'HTTP/2.0', authority: null, path, headers: [], grpc: false };
  return METHODS.filter((method) => findRoute(routes, { ...request, method }) !== null);
}
