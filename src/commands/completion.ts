/** `denywhy completion`: a script that lets the shell complete commands, options and names of the cluster. */
import { Argument } from 'commander';
import type { Command } from './command.ts';
import { bashCompletion } from './completion-bash.ts';
import { completedCommands } from './completion-model.ts';
import { zshCompletion } from './completion-zsh.ts';

const EXAMPLES = `
Examples:
  $ source <(denywhy completion bash)
  $ denywhy completion bash > ~/.local/share/bash-completion/completions/denywhy
  $ denywhy completion zsh > "\${fpath[1]}/_denywhy"

Namespaces, contexts and workloads are asked of kubectl, if there is one.
docs/kubectl-plugin.md has the same for kubectl denywhy.
`;

export const completion: Command = {
  name: 'completion',
  register(subcommand) {
    subcommand
      .description('a script for the shell that completes commands, options and names')
      .addArgument(new Argument('<shell>', 'which one').choices(['bash', 'zsh']))
      .addHelpText('after', EXAMPLES);
  },
  async run(subcommand, io) {
    const program = subcommand.parent;
    if (program === null) throw new Error('a command without a program');
    const commands = completedCommands(program);
    io.stdout.write(subcommand.args[0] === 'zsh' ? zshCompletion(commands) : bashCompletion(commands));
    return 0;
  },
};
