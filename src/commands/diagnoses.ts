/** `denywhy diagnoses`: every cause that an explanation can name. */
import { Option } from 'commander';
import { DIAGNOSES } from '../diagnoses/index.ts';
import type { Command } from './command.ts';
import { showJson } from './explain-data.ts';

const EXAMPLES = `
Examples:
  $ denywhy diagnoses
  $ denywhy explain --id dangling-reference
`;

export const diagnoses: Command = {
  name: 'diagnoses',
  register(subcommand) {
    subcommand
      .description('list every cause that an explanation can name')
      .addOption(new Option('-o, --output <form>', 'form of the list').choices(['text', 'json']).default('text'))
      .addHelpText('after', EXAMPLES);
  },
  async run(subcommand, io) {
    const { output } = subcommand.opts<{ output: 'text' | 'json' }>();
    const listed = DIAGNOSES.map(({ id, title }) => ({ id, title })).sort((a, b) => (a.id < b.id ? -1 : 1));
    io.stdout.write(output === 'json' ? showJson(listed) : showText(listed));
    return 0;
  },
};

function showText(listed: readonly { readonly id: string; readonly title: string }[]): string {
  const width = Math.max(...listed.map(({ id }) => id.length));
  return listed.map(({ id, title }) => `${id.padEnd(width)}  ${title}\n`).join('');
}
