/** Explained incidents as alerts for Alertmanager, so that people get the answer where they got the page. Pure. */
import { ALERT_LABEL, EXPLAINED, LABEL } from '../evidence/conventions.ts';
import type { IncidentKind } from '../evidence/key.ts';
import type { Labels } from '../policy/inbound.ts';
import type { Instant } from '../policy/resource.ts';
import type { PostedAlert } from '../ports.ts';
import { showVerdict } from '../remedies/wording.ts';
import type { Incident, IncidentWayOut } from './incident.ts';
import { REFUSALS } from './signs.ts';

export interface Posting {
  readonly now: Instant;
  /** Milliseconds between two posts of one alert; it ends by itself after three times that. */
  readonly refresh: number;
  /** Address of denywhy for people; empty: none. */
  readonly link: string;
}

/** Sent again for so long (in refreshes) after the end, should a post have failed. */
const REFRESHES = 3;
const LONGEST = 2000;

/** null: there is nothing to say. Labels are the incident's key and id only: whatever changes is an annotation, or it would be another alert. */
export function postedAlert(incident: Incident, { now, refresh, link }: Posting): PostedAlert | null {
  const { answer, kind, muted, waitingForEvidence, state, wayOut = null } = incident;
  if (answer === null || kind === null || muted || waitingForEvidence || !REFUSALS.has(kind)) return null;
  const endedAt = state === 'resolved' ? (incident.transitions.at(-1)?.at ?? now) : null;
  if (endedAt !== null && now - endedAt > REFRESHES * refresh) return null;
  const url = link === '' ? '' : `${link.replace(/\/$/, '')}/api/v1/incidents/${encodeURIComponent(incident.id)}`;
  return {
    labels: labelsOf(incident, kind),
    annotations: {
      summary: plain(answer.sentence),
      ...(answer.object === null ? {} : { decided_by: plain(answer.object) }),
      ...(url === '' ? {} : { explanation: url }),
      ...(wayOut === null ? {} : wayOutAnnotations(wayOut, url)),
    },
    startsAt: openedAt(incident),
    endsAt: endedAt ?? now + REFRESHES * refresh,
    generatorURL: url,
  };
}

/**
 * On one line, for mails and chats, whose templates put it in as it is: without what a terminal obeys or a person cannot see, and nothing that begins
 * a tag, a mention or a link there.
 */
function plain(text: string): string {
  const inert = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]+/gu, ' ');
  return inert.replaceAll('<', '‹').replaceAll('](', '] (').slice(0, LONGEST);
}

/** `way_out: fix: Correct the identity in …` and where the remedies are. */
function wayOutAnnotations(wayOut: IncidentWayOut, url: string): Readonly<Record<string, string>> {
  return {
    way_out: plain(showVerdict(wayOut)),
    ...(url === '' || (wayOut.verdict !== 'fix' && wayOut.verdict !== 'decide') ? {} : { remedies: `${url}/remedies` }),
  };
}

/** When it was opened, or opened again. */
function openedAt({ transitions, openedAt: at }: Incident): Instant {
  return transitions.findLast(({ from, to }) => to === 'open' && (from === null || from === 'resolved'))?.at ?? at;
}

function labelsOf({ id, cluster, namespace, workload, server, route }: Incident, kind: IncidentKind): Readonly<Record<string, string>> {
  const labels = {
    alertname: EXPLAINED,
    [ALERT_LABEL.incident]: id,
    [ALERT_LABEL.incidentKind]: kind,
    [LABEL.cluster]: cluster,
    [LABEL.namespace]: namespace ?? '',
    [ALERT_LABEL.workloadKind]: workload?.kind ?? '',
    [ALERT_LABEL.workloadName]: workload?.name ?? '',
    ...refLabels(server, [LABEL.serverGroup, LABEL.serverKind, LABEL.serverName]),
    ...refLabels(route, [LABEL.routeGroup, LABEL.routeKind, LABEL.routeName]),
  };
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ''));
}

function refLabels(ref: Labels | null, [group, kind, name]: readonly [string, string, string]): Readonly<Record<string, string>> {
  return ref === null ? {} : { [group]: ref.group, [kind]: ref.kind, [name]: ref.name };
}

/** What an alert says now; one that says the same need not be posted before its refresh. */
export function signatureOf({ labels, annotations, endsAt }: PostedAlert, now: Instant): string {
  return JSON.stringify([labels, annotations, endsAt <= now]);
}
