/** `denywhy lint`: what is wrong with manifests before anybody is denied, and what they do in effect. */
import { writeFile } from 'node:fs/promises';
import { Option } from 'commander';
import { InvalidInput } from '../errors.ts';
import { fixedFiles } from '../lint/fix.ts';
import { lint as lintObjects, type PlacedFinding } from '../lint/lint.ts';
import { sayNotices } from './cluster-asked.ts';
import { declareSettings } from './cluster-options.ts';
import type { Command, Io } from './command.ts';
import { showJson } from './explain-data.ts';
import { countsOf, lintData, sarifOf, showGithub } from './lint-forms.ts';
import { openLinted, type RawLintOptions } from './lint-open.ts';
import { lintPage } from './lint-page.ts';
import { showFindings, showSummary } from './lint-text.ts';
import { createPalette, safe, wantsColor } from './terminal.ts';

const EXAMPLES = `
Examples:
  $ denywhy lint ./policies
  $ helm template ./chart | denywhy lint -
  $ denywhy lint ./policies --against -n shop
  $ denywhy lint ./policies --fix | git apply
  $ denywhy lint -A -o json
  $ denywhy lint --code overlapping-servers

Exit codes: 0 no errors (warnings alone do not count), 1 errors, 2 the command
line or the input is wrong, 3 the cluster is unavailable. docs/lint.md has
every code.
`;

export const lint: Command = {
  name: 'lint',
  register(subcommand) {
    subcommand
      .description('what is wrong with manifests, and what they do in effect')
      .argument('[path...]', 'files, directories, - for stdin; a live cluster where left out')
      .option('--against [cluster]', 'the cluster they go to: a dump, or the live one where left out')
      .option('--logs <path...>', 'with --against: logs of proxies, what was seen')
      .option('--metrics <path...>', 'with --against: counters, what was seen')
      .option('-n, --namespace <name>', 'of objects that name none; of a live cluster, the one that is looked at')
      .option('-A, --all-namespaces', 'of a live cluster, every namespace')
      .option('--context <name>', 'context of the kubeconfig')
      .option('--kubeconfig <file>', 'the kubeconfig')
      .option('--fix [how]', 'the mechanical repairs: as a diff, or --fix=write into the files')
      .option('--code <code>', 'the page of one code')
      .addOption(new Option('-o, --output <form>', 'form of the answer').choices(['text', 'json', 'sarif', 'github']).default('text'))
      .addHelpText('after', EXAMPLES);
    declareSettings(subcommand);
  },
  async run(subcommand, io) {
    const raw = subcommand.opts<RawLintOptions>();
    if (raw.code !== undefined) {
      io.stdout.write(await lintPage(raw.code));
      return 0;
    }
    const { paths, fix } = withoutPath(subcommand.args, raw.fix);
    const opened = await openLinted(paths, raw, io);
    const findings = lintObjects(opened.scope, opened.files);
    sayNotices(opened.notices, io);
    if (fix === null) return answer(findings, raw.output, io);
    if (paths.length === 0) throw new InvalidInput('--fix repairs files, and none is named.', 'denywhy lint ./policies --fix');
    const fixed = fixedFiles(findings, opened.files);
    if (fix === 'diff') {
      io.stdout.write(fixed.map(({ diff }) => diff).join(''));
      const count = fixed.reduce((sum, file) => sum + file.findings, 0);
      io.stderr.write(
        `denywhy: ${count} of ${countsOf(findings).all} findings would be repaired in ${fixed.length} files. --fix=write does it.\n`,
      );
      return exitOf(findings);
    }
    for (const { file, text } of fixed) {
      if (file === 'stdin' || file.endsWith('.gz'))
        throw new InvalidInput('it cannot be written back.', 'Put it into a plain file.', { file });
      await writeFile(file, text);
      io.stderr.write(`denywhy: repaired ${safe(file)}\n`);
    }
    const again = fixed.length === 0 ? opened : await openLinted(paths, raw, io);
    return answer(lintObjects(again.scope, again.files), raw.output, io);
  },
};

/** `--fix policies/`: the option that takes a value or none has swallowed a path. */
function withoutPath(
  args: readonly string[],
  fix: RawLintOptions['fix'],
): { readonly paths: readonly string[]; readonly fix: 'diff' | 'write' | null } {
  if (fix === undefined) return { paths: args, fix: null };
  if (fix === true || fix === 'diff') return { paths: args, fix: 'diff' };
  if (fix === 'write') return { paths: args, fix: 'write' };
  return { paths: [fix, ...args], fix: 'diff' };
}

function answer(findings: readonly PlacedFinding[], output: RawLintOptions['output'], io: Io): number {
  if (output === 'json') io.stdout.write(showJson(lintData(findings)));
  else if (output === 'sarif') io.stdout.write(showJson(sarifOf(findings)));
  else if (output === 'github') io.stdout.write(showGithub(findings));
  else {
    const palette = createPalette(wantsColor(io.isTTY.stdout, io.env));
    io.stdout.write(`${[...showFindings(findings, Math.max(io.columns, 80), palette), showSummary(findings)].join('\n')}\n`);
  }
  return exitOf(findings);
}

function exitOf(findings: readonly PlacedFinding[]): number {
  return countsOf(findings).errors > 0 ? 1 : 0;
}
