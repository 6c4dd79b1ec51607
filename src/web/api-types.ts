/** Written by test/web/api-types.test.ts out of the OpenAPI document. */
export interface Shapes {
  readonly Labels: {
    readonly group: string;
    readonly kind: string;
    readonly name: string;
  };
  readonly Object: {
    readonly group: string;
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
  };
  readonly MissingEvidence: {
    readonly what: string;
    /** supplies it; names that nobody knows are in capitals */
    readonly command: string;
  };
  readonly Certainty: "certain" | "likely" | "possible";
  readonly Finding: {
    /** of the diagnosis: denywhy explain --id ID prints its page */
    readonly id: string;
    readonly certainty: Shapes['Certainty'];
    /** what taking this cause away, and nothing else, does */
    readonly removal: "allows" | "helps" | "unknown";
    /** the object that decided and the mismatch */
    readonly summary: string;
    /** what would have been let in, nearest first */
    readonly required: readonly (string)[];
    /** what came; empty where the summary says all */
    readonly observed: string;
    /** what stands out in it */
    readonly note: string;
    /** where to look first, first */
    readonly objects: readonly ({
      readonly group: string;
      readonly kind: string;
      readonly namespace: string;
      readonly name: string;
      /** file:line, or resourceVersion */
      readonly place: string | null;
    })[];
    readonly evidence: readonly ({
      readonly what: string;
      /** file:line, a metric, an object */
      readonly source: string;
      readonly at: string | null;
    })[];
    /** what would make it more certain */
    readonly missing: readonly (Shapes['MissingEvidence'])[];
    readonly todo: string;
    /** kinds of change that fit, best first */
    readonly remedies: readonly (string)[];
  };
  readonly Turn: {
    /** RFC 3339, UTC */
    readonly at: string;
    readonly edits: readonly ({
      readonly object: Shapes['Object'];
      readonly change: "created" | "edited" | "deleted" | "replaced";
      readonly of: "policy" | "server" | "client";
      /** the pod that was replaced */
      readonly replaces: string | null;
      readonly fields: readonly ({
        readonly path: string;
        readonly before: string | null;
        readonly after: string | null;
      })[];
      readonly moreFields: number;
      readonly generation: {
        readonly before: number | null;
        readonly after: number | null;
      };
      /** who wrote it, as the client calls itself */
      readonly manager: {
        readonly name: string;
        readonly at: string | null;
      } | null;
      /** from an audit log */
      readonly author: {
        readonly user: string;
        readonly impersonatedBy: string | null;
        readonly manager: string | null;
      } | null;
    })[];
    readonly more: number;
  };
  readonly WhatChanged: {
    /** whether the past was recorded */
    readonly source: string;
    /** what turned allow into deny */
    readonly turned: Shapes['Turn'] | null;
    /** what let the client in again */
    readonly repaired: Shapes['Turn'] | null;
    /** no recorded change explains it */
    readonly throughout: {
      readonly since: string | null;
      readonly [name: string]: unknown;
    } | null;
    /** by their times alone */
    readonly candidates: readonly ({
      readonly object: Shapes['Object'];
      readonly change: "created" | "edited";
      /** RFC 3339, UTC */
      readonly at: string;
      readonly manager: string | null;
      /** from an audit log */
      readonly author: {
        readonly user: string;
        readonly impersonatedBy: string | null;
        readonly manager: string | null;
      } | null;
      readonly certainty: "likely" | "possible";
    })[];
    /** the objects were written without their managedFields */
    readonly withoutManagers: boolean;
  };
  readonly Explanation: {
    readonly form: "denywhy.explain/1";
    readonly clients: readonly ({
      readonly client: {
        readonly [name: string]: unknown;
      };
      readonly targets: readonly ({
        readonly kind: string;
        readonly namespace: string | null;
        readonly port: number | null;
        readonly server: Shapes['Labels'] | null;
        readonly route: Shapes['Labels'] | null;
        readonly count: number;
        readonly decision: {
          readonly sentence: string;
          readonly [name: string]: unknown;
        };
        /** the one first whose removal would have allowed the request */
        readonly findings: readonly (Shapes['Finding'])[];
        /** what the policy of that moment says; null: no cluster, or not this workload in it */
        readonly verdict: string | null;
        /** false: the cluster known decides differently from what the proxy did */
        readonly agrees: boolean;
        /** what the policy last known says, where it is another */
        readonly now: {
          readonly verdict: string;
          readonly since: string | null;
        } | null;
        /** null: no refusal, or none by the objects known */
        readonly changed: Shapes['WhatChanged'] | null;
        readonly missing: readonly (Shapes['MissingEvidence'])[];
        readonly [name: string]: unknown;
      })[];
      readonly [name: string]: unknown;
    })[];
    /** trouble of clients that left no denial */
    readonly troubles: readonly ({
      readonly client: {
        readonly [name: string]: unknown;
      } | null;
      readonly findings: readonly (Shapes['Finding'])[];
      readonly [name: string]: unknown;
    })[];
    /** what the objects show by themselves */
    readonly standing: readonly (Shapes['Finding'])[];
    readonly symptoms: readonly ({
      readonly kind: string;
      readonly detail: string;
      readonly count: number;
      readonly [name: string]: unknown;
    })[];
    readonly [name: string]: unknown;
  };
  readonly Problem: {
    readonly type: "about:blank";
    readonly title: string;
    readonly status: number;
    /** what is wrong */
    readonly detail: string;
    /** what to do */
    readonly remedy: string;
    /** in a text that was sent */
    readonly place?: {
      readonly line: number;
      readonly column: number | null;
    };
  };
  readonly Workload: {
    readonly kind: string;
    readonly name: string;
  };
  readonly IncidentKind: "http-denied" | "tcp-denied" | "terminated" | "route-not-found" | "rate-limited" | "audit-allowed" | "admin-denied" | "refused-before-policy" | "connect-failed" | "remote-proxy-error" | "policy-controller-unreachable" | "server-misconfigured" | "detection-fallback" | "scrape-refused" | "scrape-failed" | "probe-failing" | "request-failed" | "application-refused" | "controller-complaint";
  readonly IncidentState: "open" | "acknowledged" | "resolved";
  readonly ClientTls: {
    readonly state: "established";
    readonly clientId: string | null;
  } | {
    readonly state: "passthru";
    readonly sni: string;
  } | {
    readonly state: "none";
    readonly reason: "no_tls_from_remote" | "port_skipped" | "loopback" | "disabled";
  };
  readonly Counts: {
    readonly count: number;
    /** counted by a counter before its first reading */
    readonly before: number;
    readonly first: string | null;
    readonly last: string | null;
  };
  readonly RemedyVerdict: "fix" | "decide" | "do-not-allow" | "needs-evidence" | "nothing-to-do";
  readonly Incident: {
    readonly id: string;
    readonly cluster: string;
    readonly namespace: string | null;
    readonly workload: Shapes['Workload'] | null;
    readonly server: Shapes['Labels'] | null;
    readonly route: Shapes['Labels'] | null;
    readonly kind: Shapes['IncidentKind'] | null;
    readonly port: number | null;
    readonly admin: boolean;
    readonly pods: readonly (string)[];
    readonly state: Shapes['IncidentState'];
    /** opened by an alert; no fact has come yet */
    readonly waitingForEvidence: boolean;
    /** RFC 3339, UTC */
    readonly openedAt: string;
    /** when new evidence last came in */
    readonly activeAt: string;
    /** by the evidence's own clock */
    readonly firstSeen: string | null;
    readonly lastSeen: string | null;
    /** denials, each once: what counters grew by; log lines where no counter counts */
    readonly count: number;
    /** what each kind of source said */
    readonly counted: {
      readonly metrics: number;
      readonly logs: number;
      readonly before: number;
    };
    /** an identity that a counter saw and an address that a log saw may be one */
    readonly clients: number;
    /** denials of clients beyond the bound */
    readonly beyond: number;
    readonly details: readonly (string)[];
    /** ids of the alerts that fire for it */
    readonly alerts: readonly (string)[];
    readonly muted: boolean;
    readonly transitions: readonly ({
      /** RFC 3339, UTC */
      readonly at: string;
      readonly from: Shapes['IncidentState'] | null;
      readonly to: Shapes['IncidentState'];
      readonly actor: string;
      readonly reason: string;
    })[];
    /** grows with every change that the answer depends on */
    readonly evidence: number;
    /** the evidence that the answer stands for */
    readonly explained: number;
    /** the revision of the policy that the answer stands for */
    readonly explainedPolicy: string;
    /** how many explanations were made */
    readonly answers: number;
    readonly answer: {
      readonly sentence: string;
      /** Kind namespace/name of what decided */
      readonly object: string | null;
      /** the first finding; null: no cause was found */
      readonly finding: {
        /** of the diagnosis */
        readonly id: string;
        readonly certainty: Shapes['Certainty'];
      } | null;
      /** namespace/name, identity or address of the one that was denied most */
      readonly client: string | null;
      /** RFC 3339, UTC */
      readonly at: string;
    } | null;
    /** what is to be done, of the client that asks most of a person; null: not explained yet */
    readonly wayOut: {
      readonly verdict: Shapes['RemedyVerdict'];
      /** of the first remedy, else the first reason */
      readonly title: string | null;
      /** whose it is */
      readonly client: string | null;
    } | null;
    /** in lists with ?with=series: when they were; null: not known of any */
    readonly series?: {
      /** RFC 3339, UTC */
      readonly from: string;
      /** seconds of one bucket */
      readonly step: number;
      /** in buckets, the first at `from` */
      readonly denied: readonly (number)[];
    } | null;
  };
  readonly IncidentClient: {
    readonly ip: string | null;
    readonly tls: Shapes['ClientTls'] | null;
    /** the pod that refused it */
    readonly pod: string | null;
    /** denials, each once */
    readonly count: number;
    readonly countedBy: "metrics" | "logs";
    readonly logs: Shapes['Counts'];
    readonly metrics: Shapes['Counts'];
    readonly requests: readonly ({
      readonly version: string | null;
      readonly method: string | null;
      readonly path: string | null;
      readonly authority: string | null;
      readonly grpc: boolean | null;
    })[];
    readonly didNotApply: readonly (Shapes['Labels'])[];
    readonly sources: readonly ({
      readonly kind: "log" | "metrics" | "alert";
      readonly name: string;
      readonly line: number | null;
      readonly raw: string;
    })[];
    readonly error: string | null;
  };
  readonly IncidentPage: {
    readonly items: readonly (Shapes['Incident'])[];
    /** cursor of the next page; null: this is the last */
    readonly next: string | null;
  };
  readonly IncidentDetail: {
    readonly incident: Shapes['Incident'];
    /** null: not explained yet */
    readonly explanation: Shapes['Explanation'] | null;
    readonly clients: {
      readonly items: readonly (Shapes['IncidentClient'])[];
      /** cursor of the next page; null: this is the last */
      readonly next: string | null;
    };
  };
  readonly IncidentSeries: {
    /** where the first bucket begins */
    readonly from: string;
    /** where the last one ends */
    readonly to: string;
    /** seconds of one bucket */
    readonly step: number;
    /** those denied most, first */
    readonly clients: readonly ({
      readonly identity: string | null;
      /** of one that showed no identity */
      readonly ip: string | null;
      /** all its denials */
      readonly count: number;
      /** one for each bucket */
      readonly denied: readonly (number)[];
      /** null: not known */
      readonly allowed: readonly (number)[] | null;
    })[];
    /** all other clients as a sum */
    readonly others: {
      readonly clients: number;
      readonly count: number;
      /** one for each bucket */
      readonly denied: readonly (number)[];
    };
    /** denials before `from` and after `to` */
    readonly outside: number;
    /** denials of which nobody knows when they were */
    readonly undated: number;
    readonly sources: {
      readonly denied: "kept" | "prometheus";
      readonly allowed: "kept" | "prometheus" | null;
    };
    readonly missing: readonly ({
      readonly what: string;
      readonly command: string;
    })[];
    /** what Prometheus said of its answer */
    readonly remarks: readonly (string)[];
  };
  readonly IncidentObjects: {
    readonly at: "denial" | "now";
    /** the moment whose policy it is; null: the one in force, or the only one known */
    readonly of: string | null;
    readonly items: readonly ({
      readonly object: Shapes['Object'];
      /** file:line; null: from the API server */
      readonly place: string | null;
      /** its resourceVersion */
      readonly version: string | null;
      /** null: there is no such object */
      readonly yaml: string | null;
      /** what became of it since the denial */
      readonly since: "same" | "changed" | "created" | "deleted";
      /** of the YAML, from 1, both ends included */
      readonly lines: readonly ({
        readonly from: number;
        readonly to: number;
        readonly says: "denies" | "applies";
        readonly reason: string;
      })[];
    })[];
  };
  readonly Move: {
    readonly reason: string;
    /** who; the name of the token is added */
    readonly actor?: string;
  };
  readonly Target: {
    readonly cluster?: string;
    readonly namespace?: string;
    readonly workload?: Shapes['Workload'];
    readonly server?: Shapes['Labels'];
    readonly route?: Shapes['Labels'];
    readonly kind?: Shapes['IncidentKind'];
  };
  readonly NewMute: {
    readonly target: Shapes['Target'];
    /** null: whoever */
    readonly client?: {
      readonly identity?: string | null;
      readonly ip?: string | null;
    } | null;
    readonly reason: string;
    readonly author?: string;
    /** RFC 3339, UTC */
    readonly expiresAt: string;
  };
  readonly Mute: {
    readonly id: string;
    readonly author: string;
    readonly reason: string;
    /** RFC 3339, UTC */
    readonly createdAt: string;
    /** RFC 3339, UTC */
    readonly expiresAt: string;
    readonly target: Shapes['Target'];
    readonly client: {
      readonly identity: string | null;
      readonly ip: string | null;
    } | null;
  };
  readonly MuteList: {
    readonly items: readonly (Shapes['Mute'])[];
  };
  readonly ParkedJobs: {
    readonly items: readonly ({
      /** of the incident */
      readonly id: string;
      readonly reason: string;
      readonly attempts: number;
      /** RFC 3339, UTC */
      readonly at: string;
    })[];
  };
  readonly Event: {
    readonly sequence: number;
    readonly type: "incident";
    readonly incident: Shapes['Incident'];
  };
  readonly EventPage: {
    readonly items: readonly (Shapes['Event'])[];
    /** give it as `after` */
    readonly next: number;
  };
  readonly Observation: {
    readonly id: string;
    readonly cluster: string;
    readonly namespace: string | null;
    readonly workload: Shapes['Workload'] | null;
    readonly client: {
      readonly identity: string | null;
      readonly ip: string | null;
    };
    readonly server: Shapes['Labels'] | null;
    readonly route: Shapes['Labels'] | null;
    readonly authorization: Shapes['Labels'] | null;
    readonly port: number | null;
    readonly first: string | null;
    readonly last: string | null;
    readonly count: number;
  };
  readonly ObservationPage: {
    readonly items: readonly (Shapes['Observation'])[];
    /** cursor of the next page; null: this is the last */
    readonly next: string | null;
  };
  readonly QuarantinePage: {
    readonly items: readonly ({
      readonly id: string;
      /** RFC 3339, UTC */
      readonly at: string;
      readonly sender: string;
      readonly why: string;
      /** as it came, cut */
      readonly alert: string;
    })[];
    /** cursor of the next page; null: this is the last */
    readonly next: string | null;
  };
  readonly AlertmanagerWebhook: {
    readonly alerts: readonly ({
      readonly status: "firing" | "resolved";
      readonly [name: string]: unknown;
    })[];
    readonly [name: string]: unknown;
  };
  readonly WebhookAnswer: {
    /** known: it was accepted before; nothing: it held nothing to keep */
    readonly result: "accepted" | "known" | "nothing";
    readonly alerts: number;
    readonly quarantined: readonly ({
      readonly index: number;
      readonly why: string;
    })[];
    /** cut off by max_alerts: they arrive by no other way */
    readonly truncated: number;
  };
  readonly LogsAnswer: {
    /** known: it was accepted before; nothing: it held nothing to keep */
    readonly result: "accepted" | "known" | "nothing";
    readonly lines: number;
    readonly parsed: number;
    readonly irrelevant: number;
    readonly unparsed: number;
    /** denials, symptoms and observations */
    readonly facts: number;
    /** facts that name neither namespace nor pod: they are not kept */
    readonly unplaced: number;
    /** the first lines that were not understood */
    readonly samples: readonly ({
      readonly line: number;
      readonly text: string;
    })[];
  };
  readonly MetricsAnswer: {
    /** known: it was accepted before; nothing: it held nothing to keep */
    readonly result: "accepted" | "known" | "nothing";
    readonly samples: number;
    /** what a person should know */
    readonly notices: readonly (string)[];
  };
  readonly Health: {
    readonly status: "ok" | "ready" | "not ready";
    readonly durability?: string;
  };
  readonly SignIn: {
    /** one of auth.tokens */
    readonly token: string;
  };
  readonly Session: {
    /** false: whoever reaches this address may do everything */
    readonly needsToken: boolean;
    /** the token's name; null: nobody is signed in */
    readonly name: string | null;
    readonly scopes: readonly ("intake" | "read" | "triage")[];
  };
  readonly Address: {
    readonly ip: string;
    /** RFC 3339, UTC */
    readonly at: string;
    /** before it, what is said is how things were when recording began; null: nothing has changed since */
    readonly recordedSince: string | null;
    readonly owners: readonly ({
      readonly kind: "Pod" | "ExternalWorkload";
      readonly namespace: string;
      readonly name: string;
      /** whose pod it is */
      readonly workload: Shapes['Workload'] | null;
      readonly serviceAccount: string;
    })[];
  };
  readonly Sources: {
    readonly items: readonly ({
      readonly id: string;
      /** what it is and where, without secrets */
      readonly place: string;
      /** remarks: it answers, and something about it should be known */
      readonly state: "well" | "remarks" | "failing";
      /** when this was said */
      readonly at: string;
      /** when it last answered */
      readonly answeredAt: string | null;
      /** how old what it shows is: from the newest scrape, or the last word of the API server, to the moment of asking */
      readonly lagSeconds: number | null;
      readonly fault: {
        readonly message: string;
        readonly remedy: string;
        /** RFC 3339, UTC */
        readonly since: string;
      } | null;
      readonly remarks: readonly (string)[];
    })[];
  };
  readonly Posture: {
    readonly form: "denywhy.posture/1";
    readonly observed: {
      readonly requests: number;
      readonly first: string | null;
      readonly last: string | null;
      readonly [name: string]: unknown;
    };
    readonly namespaces: readonly ({
      readonly namespace: string;
      /** not meshed: without practices; or of Linkerd’s charts: with a few */
      readonly outside: {
        readonly reason: "not-meshed" | "linkerd";
        readonly why: string;
        readonly [name: string]: unknown;
      } | null;
      readonly practices: readonly ({
        /** docs/posture.md has a section for each */
        readonly id: string;
        readonly title: string;
        readonly state: "holds" | "partly" | "not" | "unknown";
        readonly judgements: readonly ({
          /** null: of the namespace */
          readonly workload: string | null;
          readonly state: "holds" | "partly" | "not" | "unknown";
          readonly found: string;
          readonly evidence: readonly ({
            readonly text: string;
            readonly source: string;
            readonly [name: string]: unknown;
          })[];
          /** what would have to be known to be sure */
          readonly lacking: readonly (string)[];
          readonly next: {
            readonly text: string;
            readonly command: string | null;
            readonly [name: string]: unknown;
          } | null;
          readonly [name: string]: unknown;
        })[];
        readonly [name: string]: unknown;
      })[];
      readonly [name: string]: unknown;
    })[];
    /** of one namespace: what narrows wildcards, takes away grants that nobody was seen to use and ends audit, each proved, as in denywhy.explain/1 */
    readonly tightenings: readonly ({
      readonly number: number;
      readonly id: string;
      readonly title: string;
      /** whom it shuts out, and how sure that is */
      readonly tightens: string;
      readonly [name: string]: unknown;
    })[];
    /** to default deny, each step put to simulate; null: of several namespaces none is made */
    readonly plan: {
      readonly steps: readonly ({
        readonly title: string;
        /** what to look at before the next step; empty: nothing */
        readonly watch: string;
        /** newly, of what was seen or is always there */
        readonly denied: readonly ({
          readonly client: string;
          readonly servers: readonly (string)[];
          readonly port: number;
          readonly requests: readonly (string)[];
          readonly why: string;
          readonly [name: string]: unknown;
        })[];
        /** newly, of all that is possible */
        readonly allowed: readonly ({
          readonly client: string;
          readonly servers: readonly (string)[];
          readonly port: number;
          readonly requests: readonly (string)[];
          readonly why: string;
          readonly [name: string]: unknown;
        })[];
        readonly undecided: readonly ({
          readonly client: string;
          readonly servers: readonly (string)[];
          readonly port: number;
          readonly requests: readonly (string)[];
          readonly why: string;
          readonly [name: string]: unknown;
        })[];
        readonly unchanged: number;
        /** the objects of this step */
        readonly yaml: string;
        readonly [name: string]: unknown;
      })[];
      /** what would have to be known to be sure */
      readonly lacking: readonly (string)[];
      readonly notes: readonly (string)[];
      readonly [name: string]: unknown;
    } | null;
    readonly [name: string]: unknown;
  };
  readonly CanQuestion: {
    /** sa/NAME, a workload, an address, or a mesh identity */
    readonly client: string;
    /** deploy/NAME:PORT */
    readonly server: string;
    /** of both, where they name none */
    readonly namespace?: string;
    readonly method?: string;
    readonly path?: string;
    readonly authority?: string;
    /** SERVICE/METHOD */
    readonly grpc?: string;
    /** the client calls from this address */
    readonly ip?: string | string;
    /** as if the client had no proxy */
    readonly unmeshed?: boolean;
    /** the policy of that moment; now by default */
    readonly at?: string;
  };
  readonly CanAnswer: {
    readonly form: "denywhy.can/1";
    readonly answer: "yes" | "no" | "undecided" | "partly";
    readonly client: string;
    readonly server: string;
    readonly namespace: string;
    readonly port: number;
    /** null: whatever can be asked of the port */
    readonly request: string | null;
    readonly reasons: readonly ({
      readonly answer: "yes" | "no" | "undecided";
      readonly requests: readonly (string)[];
      /** addresses of the client; null: not known */
      readonly ips: readonly (string | null)[];
      readonly pods: readonly (string)[];
      readonly linkerd: {
        /** Linkerd’s own, undecided, or not-meshed */
        readonly verdict: string;
        readonly sentence: string;
        /** what would have been let in */
        readonly required: readonly (string)[];
        readonly route: string | null;
        readonly enforcedBy: string | null;
        /** where the object that decided is written */
        readonly place: string | null;
        readonly considered: readonly ({
          readonly applies: "yes" | "no" | "unobserved";
          readonly name: string;
          readonly reason: string;
          readonly [name: string]: unknown;
        })[];
        readonly [name: string]: unknown;
      };
      /** by NetworkPolicy; null: the cluster has none */
      readonly network: {
        readonly verdict: "allow" | "deny" | "undecided";
        readonly sentence: string;
        readonly missing: readonly (string)[];
        /** null: not known, and it counts */
        readonly enforced: boolean | null;
        readonly plugin: string | null;
        readonly [name: string]: unknown;
      } | null;
      readonly [name: string]: unknown;
    })[];
    readonly notes: readonly (string)[];
    readonly [name: string]: unknown;
  };
  readonly SimulateQuestion: {
    /** manifests that would be applied, as YAML or JSON; at most 2 MiB */
    readonly change?: string;
    /** KIND/NAME of objects that would be deleted */
    readonly delete?: readonly (string)[];
    /** policy objects in the namespaces of the change that it does not hold would go */
    readonly prune?: boolean;
    /** of objects that name none */
    readonly namespace?: string;
    /** all: everything that is possible too */
    readonly traffic?: "observed" | "all";
    /** the policy of that moment; now by default */
    readonly at?: string;
    /** the answer also as Markdown, for a pull request */
    readonly markdown?: boolean;
  };
  readonly Simulation: {
    readonly form: "denywhy.simulate/1";
    readonly counts: {
      readonly "newly-denied": number;
      readonly "newly-allowed": number;
      readonly unchanged: number;
      readonly undecided: number;
    };
    readonly entries: readonly ({
      readonly outcome: "newly-denied" | "newly-allowed" | "undecided";
      readonly kind: "observed" | "probe" | "scrape" | "control-plane" | "possible";
      readonly client: string;
      readonly namespace: string;
      readonly servers: readonly (string)[];
      readonly port: number;
      readonly requests: readonly (string)[];
      /** requests and connections that were counted */
      readonly count: number | null;
      readonly pods: number;
      /** where the object that decides is written */
      readonly place: string | null;
      /** of undecided: what would decide */
      readonly why: string;
      /** who else stands behind this client, where that is more than one asks for */
      readonly wide: string | null;
      readonly [name: string]: unknown;
    })[];
    readonly looked: {
      readonly observed: number;
      readonly requests: number;
      readonly standing: number;
      readonly possible: boolean;
      readonly unplaced: number;
      readonly [name: string]: unknown;
    };
    readonly notices: readonly ({
      readonly where: string;
      readonly message: string;
      readonly [name: string]: unknown;
    })[];
    /** objects that the API server or Linkerd’s webhook would refuse: left out of the change */
    readonly refused: readonly ({
      readonly object: {
        readonly kind: string;
        readonly namespace: string;
        readonly name: string;
        readonly [name: string]: unknown;
      };
      readonly message: string;
      readonly [name: string]: unknown;
    })[];
    readonly markdown?: string;
    readonly [name: string]: unknown;
  };
  readonly WorkloadPage: {
    readonly items: readonly ({
      readonly namespace: string;
      readonly workload: Shapes['Workload'];
      readonly pods: number;
      /** pods that have a proxy; on others nothing is enforced */
      readonly meshed: number;
      /** in open incidents, of the thousand that were active last */
      readonly denied: number;
    })[];
    /** all that have workloads, whatever is asked for */
    readonly namespaces: readonly ({
      readonly namespace: string;
      readonly workloads: number;
    })[];
    /** cursor of the next page; null: this is the last */
    readonly next: string | null;
  };
  readonly TrafficRow: {
    /** sa/NAME, a workload without identity, a node, an identity or an address */
    readonly client: string;
    readonly identity: string | null;
    readonly ip: string | null;
    /** of the workload that is called */
    readonly namespace: string;
    readonly workload: Shapes['Workload'] | null;
    /** null: no source tells */
    readonly port: number | null;
    readonly allowed: number;
    readonly denied: number;
    /** when it was last seen */
    readonly last: string | null;
    /** by Server, route and authorization; the fifty with the most denials */
    readonly parts: readonly ({
      readonly server: Shapes['Labels'] | null;
      readonly route: Shapes['Labels'] | null;
      /** what let it in */
      readonly authorization: Shapes['Labels'] | null;
      readonly allowed: number;
      readonly denied: number;
      readonly last: string | null;
      /** in which the denials are counted */
      readonly incident: string | null;
    })[];
  };
  readonly TrafficPage: {
    readonly items: readonly (Shapes['TrafficRow'])[];
    /** false: there is more than was read; what was seen last is counted */
    readonly isTrafficWhole: boolean;
    /** cursor of the next page; null: this is the last */
    readonly next: string | null;
  };
  readonly Policy: {
    readonly form: "denywhy.policy/1";
    readonly workloads: readonly ({
      readonly workload: {
        readonly kind: string;
        readonly namespace: string;
        readonly name: string;
        readonly [name: string]: unknown;
      };
      readonly meshed: boolean;
      readonly pods: readonly (string)[];
      /** of ports that no Server takes */
      readonly default: {
        readonly policy: string;
        readonly source: string;
        readonly [name: string]: unknown;
      } | null;
      /** what a restart of the pods would change */
      readonly notRolledOut: readonly ({
        readonly pods: number;
        readonly [name: string]: unknown;
      })[];
      readonly ports: readonly ({
        readonly port: number;
        /** by which containers declare it */
        readonly names: readonly (string)[];
        /** for which this comes out */
        readonly pods: readonly (string)[];
        readonly protocol: string;
        /** null: the default policy is in force */
        readonly server: {
          readonly kind: string;
          readonly namespace: string;
          readonly name: string;
          readonly [name: string]: unknown;
        } | null;
        /** Servers that select the port too, without effect */
        readonly overshadowed: readonly ({
          readonly kind: string;
          readonly namespace: string;
          readonly name: string;
          readonly [name: string]: unknown;
        })[];
        readonly rejectedByProxy: string | null;
        readonly may: readonly ({
          /** null: any request; other: what no route takes */
          readonly route: string | null;
          readonly takes: readonly (string)[];
          /** empty: nobody */
          readonly who: readonly (string)[];
          /** empty: from everywhere */
          readonly from: readonly (string)[];
          readonly authorization: {
            readonly ref: Shapes['Labels'];
            readonly object: {
              readonly kind: string;
              readonly namespace: string;
              readonly name: string;
              readonly [name: string]: unknown;
            } | null;
            readonly via: readonly ({
              readonly kind: string;
              readonly namespace: string;
              readonly name: string;
              readonly [name: string]: unknown;
            })[];
            readonly identities: readonly (string)[];
            readonly [name: string]: unknown;
          } | null;
          readonly refusal: "403" | "404" | "closed" | null;
          /** counted under the policy in force */
          readonly allowed: number;
          /** of the route; null: the first row of the route has it */
          readonly denied: number | null;
          readonly [name: string]: unknown;
        })[];
        readonly networkPolicy: {
          readonly policies: readonly ({
            readonly kind: string;
            readonly namespace: string;
            readonly name: string;
            readonly [name: string]: unknown;
          })[];
          readonly meshed: {
            readonly port: number;
            readonly peers: readonly (string)[];
            readonly [name: string]: unknown;
          };
          readonly direct: {
            readonly port: number;
            readonly peers: readonly (string)[];
            readonly [name: string]: unknown;
          };
          readonly [name: string]: unknown;
        } | null;
        readonly callers: readonly ({
          readonly who: "kubelet" | "prometheus";
          readonly name: string;
          readonly request: string;
          readonly answer: "yes" | "no" | "undecided";
          readonly isNetwork: boolean;
          readonly [name: string]: unknown;
        })[];
        readonly traffic: {
          readonly allowed: number;
          readonly denied: number;
          /** the first fifty: those that were denied, then those seen last */
          readonly clients: readonly (Shapes['TrafficRow'])[];
          /** how many more clients there are */
          readonly beyond: number;
        };
        readonly [name: string]: unknown;
      })[];
      /** of ports that are not among these, and of which no source tells the port */
      readonly otherTraffic: {
        readonly allowed: number;
        readonly denied: number;
        /** the first fifty: those that were denied, then those seen last */
        readonly clients: readonly (Shapes['TrafficRow'])[];
        /** how many more clients there are */
        readonly beyond: number;
      };
      readonly [name: string]: unknown;
    })[];
    /** false: there is more than was read; what was seen last is counted */
    readonly isTrafficWhole: boolean;
    /** cursor of the next page; null: this is the last */
    readonly next: string | null;
    readonly [name: string]: unknown;
  };
  readonly Rule: {
    readonly group: string;
    /** of the alert, or of the series that is recorded */
    readonly name: string;
    readonly kind: "alert" | "record";
    /** empty: it is recorded for the alerts in usedBy */
    readonly summary: string;
    /** one per rule of that name */
    readonly expressions: readonly (string)[];
    readonly severities: readonly (string)[];
    /** how long it waits before it fires; empty: not at all */
    readonly wait: string;
    /** alerts that read what it records */
    readonly usedBy: readonly (string)[];
    /** names of its promtool tests, as in `denywhy rules -o tests` */
    readonly tests: readonly (string)[];
    /** where denywhy serves its page */
    readonly runbook: string | null;
    /** `other`: loaded with other labels or waits, as a tuned one is; `unknown`: no Prometheus told */
    readonly state: "ok" | "missing" | "other" | "failing" | "not evaluated" | "unknown";
    readonly detail: string;
    readonly lastEvaluation: string | null;
    readonly firing: number;
    readonly pending: number;
    /** the first twenty */
    readonly alerts: readonly ({
      readonly state: "firing" | "pending";
      readonly labels: {
        readonly [name: string]: string;
      };
      readonly activeAt: string | null;
      readonly value: string;
    })[];
  };
  readonly RuleList: {
    /** its address; null: none is configured */
    readonly prometheus: string | null;
    /** why the states are not known */
    readonly fault: {
      readonly message: string;
      readonly remedy: string;
    } | null;
    readonly remarks: readonly (string)[];
    /** null: the objects of no cluster are known */
    readonly manifests: readonly ({
      /** namespace/name of a PrometheusRule that holds a group of the pack */
      readonly name: string;
      readonly by: readonly ({
        readonly prometheus: string;
        /** null: the objects do not tell */
        readonly isTaken: boolean | null;
        readonly reasons: readonly (string)[];
      })[];
    })[] | null;
    readonly items: readonly (Shapes['Rule'])[];
  };
}
