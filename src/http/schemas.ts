/** The shapes of the API: they validate what comes in, and the OpenAPI document is made of them. Times are RFC 3339, in UTC. */
import * as z from 'zod';
import { INCIDENT_KINDS } from '../evidence/alert.ts';
import { certainty, explanation, object } from './explanation-schema.ts';
import { count, labels, named, time } from './schema-parts.ts';

export const name = z.string().min(1).max(253);

export const problem = named(
  'Problem',
  z.strictObject({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('what is wrong'),
    remedy: z.string().describe('what to do'),
    place: z.strictObject({ line: z.int(), column: z.int().nullable() }).optional().describe('in a text that was sent'),
  }),
);

export const workload = named('Workload', z.strictObject({ kind: z.string().max(63), name }));
const kind = named('IncidentKind', z.enum(INCIDENT_KINDS as readonly [string, ...string[]]));
const state = named('IncidentState', z.enum(['open', 'acknowledged', 'resolved']));
const tls = named(
  'ClientTls',
  z.union([
    z.strictObject({ state: z.literal('established'), clientId: z.string().nullable() }),
    z.strictObject({ state: z.literal('passthru'), sni: z.string() }),
    z.strictObject({ state: z.literal('none'), reason: z.enum(['no_tls_from_remote', 'port_skipped', 'loopback', 'disabled']) }),
  ]),
);
const counts = named(
  'Counts',
  z.strictObject({
    count,
    before: count.describe('counted by a counter before its first reading'),
    first: time.nullable(),
    last: time.nullable(),
  }),
);

const step = z.int().positive().describe('seconds of one bucket');

const verdict = named('RemedyVerdict', z.enum(['fix', 'decide', 'do-not-allow', 'needs-evidence', 'nothing-to-do']));

export const incident = named(
  'Incident',
  z.strictObject({
    id: z.string(),
    cluster: z.string(),
    namespace: z.string().nullable(),
    workload: workload.nullable(),
    server: labels.nullable(),
    route: labels.nullable(),
    kind: kind.nullable(),
    port: z.int().nullable(),
    admin: z.boolean(),
    pods: z.array(z.string()),
    state,
    waitingForEvidence: z.boolean().describe('opened by an alert; no fact has come yet'),
    openedAt: time,
    activeAt: time.describe('when new evidence last came in'),
    firstSeen: time.nullable().describe("by the evidence's own clock"),
    lastSeen: time.nullable(),
    count: count.describe('denials, each once: what counters grew by; log lines where no counter counts'),
    counted: z.strictObject({ metrics: count, logs: count, before: count }).describe('what each kind of source said'),
    clients: count.describe('an identity that a counter saw and an address that a log saw may be one'),
    beyond: count.describe('denials of clients beyond the bound'),
    details: z.array(z.string()),
    alerts: z.array(z.string()).describe('ids of the alerts that fire for it'),
    muted: z.boolean(),
    transitions: z.array(z.strictObject({ at: time, from: state.nullable(), to: state, actor: z.string(), reason: z.string() })),
    evidence: count.describe('grows with every change that the answer depends on'),
    explained: count.describe('the evidence that the answer stands for'),
    explainedPolicy: z.string().describe('the revision of the policy that the answer stands for'),
    answers: count.describe('how many explanations were made'),
    answer: z
      .strictObject({
        sentence: z.string(),
        object: z.string().nullable().describe('Kind namespace/name of what decided'),
        finding: z
          .strictObject({ id: z.string().describe('of the diagnosis'), certainty })
          .nullable()
          .describe('the first finding; null: no cause was found'),
        client: z.string().nullable().describe('namespace/name, identity or address of the one that was denied most'),
        at: time,
      })
      .nullable(),
    wayOut: z
      .strictObject({
        verdict,
        title: z.string().nullable().describe('of the first remedy, else the first reason'),
        client: z.string().nullable().describe('whose it is'),
      })
      .nullable()
      .describe('what is to be done, of the client that asks most of a person; null: not explained yet'),
    series: z
      .strictObject({ from: time, step, denied: z.array(count).describe('in buckets, the first at `from`') })
      .nullable()
      .optional()
      .describe('in lists with ?with=series: when they were; null: not known of any'),
  }),
);

const request = z.strictObject({
  version: z.string().nullable(),
  method: z.string().nullable(),
  path: z.string().nullable(),
  authority: z.string().nullable(),
  grpc: z.boolean().nullable(),
});

export const client = named(
  'IncidentClient',
  z.strictObject({
    ip: z.string().nullable(),
    tls: tls.nullable(),
    pod: z.string().nullable().describe('the pod that refused it'),
    count: count.describe('denials, each once'),
    countedBy: z.enum(['metrics', 'logs']),
    logs: counts,
    metrics: counts,
    requests: z.array(request),
    didNotApply: z.array(labels),
    sources: z.array(
      z.strictObject({ kind: z.enum(['log', 'metrics', 'alert']), name: z.string(), line: z.int().nullable(), raw: z.string() }),
    ),
    error: z.string().nullable(),
  }),
);

export const next = z.string().nullable().describe('cursor of the next page; null: this is the last');
const page = <S extends z.ZodType>(items: S) => z.strictObject({ items: z.array(items), next });

export const incidentPage = named('IncidentPage', page(incident));
export const incidentDetail = named(
  'IncidentDetail',
  z.strictObject({
    incident,
    explanation: explanation.nullable().describe('null: not explained yet'),
    clients: page(client),
  }),
);

export const limitOf = (most: number, usual: number) => z.coerce.number().int().min(1).max(most).default(usual);
export const cursor = z.string().max(2000).optional().describe('`next` of the page before');

export const incidentQuery = z.strictObject({
  state: z.enum(['open', 'acknowledged', 'resolved', 'active']).optional().describe('active: open or acknowledged'),
  namespace: name.optional(),
  workload: z.string().max(320).optional().describe('KIND/NAME'),
  kind: kind.optional(),
  muted: z.enum(['true', 'false']).optional(),
  verdict: verdict.optional().describe('what is to be done'),
  with: z.literal('series').optional().describe('each with a short `series` of its denials'),
  limit: limitOf(500, 50),
  cursor,
});

const buckets = z.array(count).describe('one for each bucket');
export const seriesQuery = z.strictObject({
  from: time.optional().describe('left out: from before the first denial'),
  to: time.optional().describe('left out: until after the last one, or now'),
  step: z.coerce
    .number()
    .int()
    .min(1)
    .max(366 * 86_400)
    .optional()
    .describe('seconds at least; wider where less is known, or the answer would hold more than 200 buckets'),
});
export const incidentSeries = named(
  'IncidentSeries',
  z.strictObject({
    from: time.describe('where the first bucket begins'),
    to: time.describe('where the last one ends'),
    step,
    clients: z
      .array(
        z.strictObject({
          identity: z.string().nullable(),
          ip: z.string().nullable().describe('of one that showed no identity'),
          count: count.describe('all its denials'),
          denied: buckets,
          allowed: buckets.nullable().describe('null: not known'),
        }),
      )
      .describe('those denied most, first'),
    others: z.strictObject({ clients: count, count, denied: buckets }).describe('all other clients as a sum'),
    outside: count.describe('denials before `from` and after `to`'),
    undated: count.describe('denials of which nobody knows when they were'),
    sources: z.strictObject({
      denied: z.enum(['kept', 'prometheus']),
      allowed: z.enum(['kept', 'prometheus']).nullable(),
    }),
    missing: z.array(z.strictObject({ what: z.string(), command: z.string() })),
    remarks: z.array(z.string()).describe('what Prometheus said of its answer'),
  }),
);

export const objectsQuery = z.strictObject({
  at: z.enum(['denial', 'now']).optional().describe('as they were at the denial (left out), or are now: then without marks'),
});
export const incidentObjects = named(
  'IncidentObjects',
  z.strictObject({
    at: z.enum(['denial', 'now']),
    of: time.nullable().describe('the moment whose policy it is; null: the one in force, or the only one known'),
    items: z.array(
      z.strictObject({
        object,
        place: z.string().nullable().describe('file:line; null: from the API server'),
        version: z.string().nullable().describe('its resourceVersion'),
        yaml: z.string().nullable().describe('null: there is no such object'),
        since: z.enum(['same', 'changed', 'created', 'deleted']).describe('what became of it since the denial'),
        lines: z
          .array(z.strictObject({ from: count, to: count, says: z.enum(['denies', 'applies']), reason: z.string() }))
          .describe('of the YAML, from 1, both ends included'),
      }),
    ),
  }),
);

export const detailQuery = z.strictObject({ limit: limitOf(500, 100).describe('clients of one page'), cursor });
export const pageQuery = z.strictObject({ limit: limitOf(500, 100), cursor });
export const namespaceQuery = pageQuery.extend({ namespace: name.optional() });

const text = (most: number) => z.string().trim().min(1).max(most);
export const moveBody = named(
  'Move',
  z.strictObject({ reason: text(1000), actor: text(100).optional().describe('who; the name of the token is added') }),
);

const selection = named(
  'Target',
  z
    .strictObject({ cluster: z.string().max(253), namespace: name, workload, server: labels, route: labels, kind })
    .partial()
    .describe('what is left out selects everything'),
);
const muteClient = z
  .strictObject({ identity: z.string().min(1).max(500).nullable().default(null), ip: z.string().min(1).max(64).nullable().default(null) })
  .refine(({ identity, ip }) => (identity === null) !== (ip === null), 'name an identity or an ip');

export const muteBody = named(
  'NewMute',
  z.strictObject({
    target: selection,
    client: muteClient.nullable().default(null).describe('null: whoever'),
    reason: text(1000),
    author: text(100).optional(),
    expiresAt: time,
  }),
);
export const mute = named(
  'Mute',
  z.strictObject({
    id: z.string(),
    author: z.string(),
    reason: z.string(),
    createdAt: time,
    expiresAt: time,
    target: selection,
    client: z.strictObject({ identity: z.string().nullable(), ip: z.string().nullable() }).nullable(),
  }),
);
export const muteList = named('MuteList', z.strictObject({ items: z.array(mute) }));

export const parkedList = named(
  'ParkedJobs',
  z.strictObject({
    items: z.array(z.strictObject({ id: z.string().describe('of the incident'), reason: z.string(), attempts: count, at: time })),
  }),
);
export const parkedQuery = z.strictObject({ limit: limitOf(500, 100) });

export const event = named(
  'Event',
  z
    .strictObject({ sequence: count, type: z.literal('incident'), incident })
    .describe('one changed or newly explained revision of an incident'),
);
export const eventPage = named('EventPage', z.strictObject({ items: z.array(event), next: count.describe('give it as `after`') }));
export const eventQuery = z
  .strictObject({
    after: z.coerce.number().int().nonnegative().optional(),
    from: z.literal('now').optional().describe('instead of `after`: nothing of what was before'),
    limit: limitOf(500, 100),
  })
  .refine(({ after, from }) => after === undefined || from === undefined, 'give `after` or `from`, not both');

export const observation = named(
  'Observation',
  z.strictObject({
    id: z.string(),
    cluster: z.string(),
    namespace: z.string().nullable(),
    workload: workload.nullable(),
    client: z.strictObject({ identity: z.string().nullable(), ip: z.string().nullable() }),
    server: labels.nullable(),
    route: labels.nullable(),
    authorization: labels.nullable(),
    port: z.int().nullable(),
    first: time.nullable(),
    last: time.nullable(),
    count,
  }),
);
export const observationPage = named('ObservationPage', page(observation));

export const quarantinePage = named(
  'QuarantinePage',
  page(z.strictObject({ id: z.string(), at: time, sender: z.string(), why: z.string(), alert: z.string().describe('as it came, cut') })),
);

const result = z.enum(['accepted', 'known', 'nothing']).describe('known: it was accepted before; nothing: it held nothing to keep');
export const webhookBody = named(
  'AlertmanagerWebhook',
  z
    .looseObject({ alerts: z.array(z.looseObject({ status: z.enum(['firing', 'resolved']) })) })
    .describe("Alertmanager's webhook, version 4; alerts that cannot be read are set apart, the others stand"),
);
export const webhookAnswer = named(
  'WebhookAnswer',
  z.strictObject({
    result,
    alerts: count,
    quarantined: z.array(z.strictObject({ index: count, why: z.string() })),
    truncated: count.describe('cut off by max_alerts: they arrive by no other way'),
  }),
);
export const logsAnswer = named(
  'LogsAnswer',
  z.strictObject({
    result,
    lines: count,
    parsed: count,
    irrelevant: count,
    unparsed: count,
    facts: count.describe('denials, symptoms and observations'),
    unplaced: count.describe('facts that name neither namespace nor pod: they are not kept'),
    samples: z.array(z.strictObject({ line: count, text: z.string() })).describe('the first lines that were not understood'),
  }),
);
export const metricsAnswer = named(
  'MetricsAnswer',
  z.strictObject({ result, samples: count, notices: z.array(z.string()).describe('what a person should know') }),
);

export const health = named('Health', z.strictObject({ status: z.enum(['ok', 'ready', 'not ready']), durability: z.string().optional() }));

export const sessionBody = named('SignIn', z.strictObject({ token: z.string().min(1).max(4096).describe('one of auth.tokens') }));
export const session = named(
  'Session',
  z.strictObject({
    needsToken: z.boolean().describe('false: whoever reaches this address may do everything'),
    name: z.string().nullable().describe("the token's name; null: nobody is signed in"),
    scopes: z.array(z.enum(['intake', 'read', 'triage'])),
  }),
);

export const addressQuery = z.strictObject({
  ip: z.union([z.ipv4(), z.ipv6()]),
  at: z.iso.datetime({ offset: true }).optional().describe('RFC 3339; now by default'),
});
export const addressAnswer = named(
  'Address',
  z.strictObject({
    ip: z.string(),
    at: time,
    recordedSince: time
      .nullable()
      .describe('before it, what is said is how things were when recording began; null: nothing has changed since'),
    owners: z.array(
      z.strictObject({
        kind: z.enum(['Pod', 'ExternalWorkload']),
        namespace: name,
        name,
        workload: workload.nullable().describe('whose pod it is'),
        serviceAccount: z.string(),
      }),
    ),
  }),
);

export const sourceList = named(
  'Sources',
  z.strictObject({
    items: z.array(
      z.strictObject({
        id: z.string(),
        place: z.string().describe('what it is and where, without secrets'),
        state: z.enum(['well', 'remarks', 'failing']).describe('remarks: it answers, and something about it should be known'),
        at: time.describe('when this was said'),
        answeredAt: time.nullable().describe('when it last answered'),
        lagSeconds: z
          .number()
          .nullable()
          .describe('how old what it shows is: from the newest scrape, or the last word of the API server, to the moment of asking'),
        fault: z.strictObject({ message: z.string(), remedy: z.string(), since: time }).nullable(),
        remarks: z.array(z.string()),
      }),
    ),
  }),
);

export const remedyQuery = z.strictObject({
  format: z.enum(['yaml', 'patch', 'diff']).optional().describe('yaml by default'),
});

const standingWayOut = z.looseObject({
  finding: z.string(),
  summary: z.string(),
  verdict: verdict.optional(),
  reasons: z.array(z.string()).optional(),
  remedies: z.array(z.unknown()).optional().describe('as those of clients'),
});
export const remedyList = z
  .object({
    items: z.array(
      z.looseObject({
        client: z.string(),
        verdict: verdict.optional(),
        reasons: z.array(z.string()).optional(),
        remedies: z.array(z.unknown()).optional().describe('with their number, title, changes and proof, as in denywhy.explain/1'),
      }),
    ),
    repairs: z.array(standingWayOut).describe('of pods in these namespaces that are not ready, whoever dials them'),
    tightenings: z
      .array(standingWayOut)
      .describe(
        'of what lets in too much in these namespaces: each says in `tightens` whom it shuts out, and none is the way out of a denial',
      ),
  })
  .describe('the way out of an incident');

export const postureQuery = z.strictObject({
  namespace: name.optional().describe('this one, with the plan to default deny; every one by default'),
});
const traffic = z.looseObject({
  client: z.string(),
  servers: z.array(z.string()),
  port: z.int(),
  requests: z.array(z.string()),
  why: z.string(),
});
const postureState = z.enum(['holds', 'partly', 'not', 'unknown']);
export const postureAnswer = named(
  'Posture',
  z.looseObject({
    form: z.literal('denywhy.posture/1'),
    observed: z.looseObject({ requests: count, first: time.nullable(), last: time.nullable() }),
    namespaces: z.array(
      z.looseObject({
        namespace: z.string(),
        outside: z
          .looseObject({ reason: z.enum(['not-meshed', 'linkerd']), why: z.string() })
          .nullable()
          .describe('not meshed: without practices; or of Linkerd’s charts: with a few'),
        practices: z.array(
          z.looseObject({
            id: z.string().describe('docs/posture.md has a section for each'),
            title: z.string(),
            state: postureState,
            judgements: z.array(
              z.looseObject({
                workload: z.string().nullable().describe('null: of the namespace'),
                state: postureState,
                found: z.string(),
                evidence: z.array(z.looseObject({ text: z.string(), source: z.string() })),
                lacking: z.array(z.string()).describe('what would have to be known to be sure'),
                next: z.looseObject({ text: z.string(), command: z.string().nullable() }).nullable(),
              }),
            ),
          }),
        ),
      }),
    ),
    tightenings: z
      .array(
        z.looseObject({
          number: z.int(),
          id: z.string(),
          title: z.string(),
          tightens: z.string().describe('whom it shuts out, and how sure that is'),
        }),
      )
      .describe(
        'of one namespace: what narrows wildcards, takes away grants that nobody was seen to use and ends audit, each proved, as in denywhy.explain/1',
      ),
    plan: z
      .looseObject({
        steps: z.array(
          z.looseObject({
            title: z.string(),
            watch: z.string().describe('what to look at before the next step; empty: nothing'),
            denied: z.array(traffic).describe('newly, of what was seen or is always there'),
            allowed: z.array(traffic).describe('newly, of all that is possible'),
            undecided: z.array(traffic),
            unchanged: count,
            yaml: z.string().describe('the objects of this step'),
          }),
        ),
        lacking: z.array(z.string()).describe('what would have to be known to be sure'),
        notes: z.array(z.string()),
      })
      .nullable()
      .describe('to default deny, each step put to simulate; null: of several namespaces none is made'),
  }),
);
