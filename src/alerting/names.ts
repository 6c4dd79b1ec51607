/** The names of the alerts. People route and silence by them: they do not change. */
export const ALERT_NAMES = [
  'LinkerdRequestsDenied',
  'LinkerdConnectionsDenied',
  'LinkerdRouteNotFound',
  'LinkerdConnectionsTerminated',
  'LinkerdAuditHits',
  'LinkerdRateLimited',
  'LinkerdDenialRatioHigh',
  'LinkerdIdentityLost',
  'LinkerdDenialsInvisible',
  'LinkerdConnectionsRefusedBeforePolicy',
  'DenywhyDown',
  'DenywhyBlind',
  'HighAuthorizationDenials',
] as const;

export type AlertName = (typeof ALERT_NAMES)[number];
