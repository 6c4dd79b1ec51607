/** `denywhy can`: may this client reach that port with this request, and why; or, with `--list`, who can. */
import { Option } from 'commander';
import { InvalidInput } from '../errors.ts';
import { showWhoCan, whoCan } from './can-list.ts';
import { askCan, type CanSpec } from './can-question.ts';
import { canData, showCan } from './can-text.ts';
import { type OpenAsked, openAsked, sayNotices } from './cluster-asked.ts';
import { declareClusterOptions, type RawClusterOptions } from './cluster-options.ts';
import type { Command, Io } from './command.ts';
import { showJson } from './explain-data.ts';
import { OPTION_WORDS } from './question-words.ts';
import { createPalette, wantsColor } from './terminal.ts';
import { podsOfWorkload, portNumber, readWorkloadPort } from './workload-port.ts';

const EXAMPLES = `
Examples:
  $ denywhy can sa/frontend -n shop reach deploy/orders:8080
  $ denywhy can sa/frontend -n shop reach deploy/orders:8080 \\
      --method GET --path /orders
  $ denywhy can deploy/reports -n shop reach deploy/orders:8080 --unmeshed
  $ denywhy can 203.0.113.7 -n shop reach deploy/orders:http --path /health
  $ denywhy can -n shop --list deploy/orders --cluster ./policies

Exit codes: 0 yes, 1 no, 2 the command line or the input is wrong, 3 the
cluster is unavailable, 4 neither: undecided, or it depends (partly).
docs/can.md explains the answer.
`;

interface RawCanOptions extends RawClusterOptions {
  readonly list?: string;
  readonly method?: string;
  readonly path?: string;
  readonly authority?: string;
  readonly grpc?: string;
  readonly asIp?: string;
  readonly unmeshed?: boolean;
  readonly at?: string;
  readonly output: 'text' | 'json';
}

const EXIT_OF = { yes: 0, no: 1, partly: 4, undecided: 4 } as const;

export const canCommand: Command = {
  name: 'can',
  register(subcommand) {
    subcommand
      .description('may this client reach that port with this request, and why')
      .argument('[client]', 'sa/NAME, deploy/NAME, po/NAME, an address, or a mesh identity')
      .argument('[words...]', 'reach deploy/NAME:PORT');
    declareClusterOptions(subcommand)
      .option('--method <method>', 'of an HTTP request; GET where only a path is given')
      .option('--path <path>', 'of an HTTP request, with its query')
      .option('--authority <host>', 'the host that the request names')
      .option('--grpc <call>', 'a gRPC call: SERVICE/METHOD')
      .option('--as-ip <address>', 'the client calls from this address')
      .option('--unmeshed', 'as if the client had no proxy')
      .option('--list <workload>', 'everyone who can call deploy/NAME or deploy/NAME:PORT')
      .option('--at <time>', 'the policy of that moment, where --cluster is a history')
      .addOption(new Option('-o, --output <form>', 'form of the answer').choices(['text', 'json']).default('text'))
      .addHelpText('after', EXAMPLES);
  },
  async run(subcommand, io) {
    const raw = subcommand.opts<RawCanOptions>();
    const words = wordsOf(subcommand.args, raw);
    const opened = await openAsked(words.raw, raw.at ?? null, io);
    return raw.list === undefined ? answer(words.words, raw, opened, io) : list(raw.list, words.words, raw, opened, io);
  },
};

const USAGE = 'Ask: denywhy can sa/frontend -n NAMESPACE reach deploy/orders:8080\nor:  denywhy can -n NAMESPACE --list deploy/orders';

/** `--cluster DIR sa/frontend reach deploy/orders`: the option that takes several paths has swallowed the question. */
function wordsOf(args: readonly string[], raw: RawCanOptions): { readonly words: readonly string[]; readonly raw: RawCanOptions } {
  const { cluster = [] } = raw;
  const at = cluster.lastIndexOf('reach');
  if (args.length > 0 || at < 2 || at !== cluster.length - 2) return { words: args, raw };
  return { words: cluster.slice(at - 1), raw: { ...raw, cluster: cluster.slice(0, at - 1) } };
}

function answer(words: readonly string[], raw: RawCanOptions, opened: OpenAsked, io: Io): number {
  const [client, reach, server, ...more] = words;
  if (client === undefined || reach !== 'reach' || server === undefined || more.length > 0)
    throw new InvalidInput('the question is not whole.', USAGE);
  const asked = askCan(opened.snapshot, specOf(client, server, raw, opened.namespace), OPTION_WORDS);
  if (raw.output === 'json') io.stdout.write(showJson(canData(opened.snapshot, asked, opened.notices)));
  else {
    const palette = createPalette(wantsColor(io.isTTY.stdout, io.env));
    io.stdout.write(`${showCan(opened.snapshot, asked, { columns: io.columns, palette }).join('\n')}\n`);
    sayNotices(opened.notices, io);
  }
  return EXIT_OF[asked.answer.answer];
}

function specOf(client: string, server: string, raw: RawCanOptions, namespace: string | null): CanSpec {
  const { method = null, path = null, authority = null, grpc = null, asIp: ip = null, unmeshed = false } = raw;
  return { client, server, namespace, method, path, authority, grpc, ip, unmeshed };
}

function list(text: string, words: readonly string[], raw: RawCanOptions, { snapshot, namespace, notices }: OpenAsked, io: Io): number {
  const odd = words[0] ?? [raw.method, raw.path, raw.authority, raw.grpc, raw.asIp].find((given) => given !== undefined);
  if (odd !== undefined || raw.unmeshed === true)
    throw new InvalidInput('--list asks for everyone and every request.', `Leave out the client and the request.\n${USAGE}`);
  const target = readWorkloadPort(text);
  const servers = podsOfWorkload(snapshot, target.workload, namespace, OPTION_WORDS);
  const rows = whoCan(snapshot, servers, target.port === null ? null : portNumber(snapshot, servers, target));
  if (raw.output === 'json')
    io.stdout.write(showJson({ form: 'denywhy.can-list/1', server: text, namespace: servers[0]?.ref.namespace, who: rows, notices }));
  else {
    const palette = createPalette(wantsColor(io.isTTY.stdout, io.env));
    io.stdout.write(`${showWhoCan(rows, Math.max(io.columns, 100), palette).join('\n')}\n`);
    sayNotices(notices, io);
  }
  return 0;
}
