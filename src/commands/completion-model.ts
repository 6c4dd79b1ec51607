/** What can be completed, told from what the commands declare. */
import type { Command as Commander, Option } from 'commander';

export interface CompletedOption {
  /** `-n` and `--namespace`. */
  readonly flags: readonly string[];
  readonly description: string;
  /** null: it takes none. */
  readonly value: CompletedValue | null;
  /** Takes all that follows, up to the next option. */
  readonly isVariadic: boolean;
}

export type CompletedValue =
  | { readonly type: 'choices'; readonly choices: readonly string[] }
  | { readonly type: 'files' | 'namespaces' | 'contexts' | 'workloads' | 'anything' };

export interface CompletedCommand {
  readonly name: string;
  readonly description: string;
  readonly options: readonly CompletedOption[];
  /** The words that its argument may be; `workloads`: names of the cluster; null: it takes none. */
  readonly argument: 'workloads' | 'files' | readonly string[] | null;
}

export function completedCommands(program: Commander): readonly CompletedCommand[] {
  return program.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    options: [
      ...command.options.map(optionOf),
      { flags: ['-h', '--help'], description: 'display help for command', value: null, isVariadic: false },
    ],
    argument: argumentOf(command),
  }));
}

function argumentOf(command: Commander): CompletedCommand['argument'] {
  const [first] = command.registeredArguments;
  if (first === undefined) return null;
  if (first.argChoices !== undefined) return first.argChoices;
  if (first.name() === 'file') return 'files';
  return WORKLOADS.has(first.name()) ? 'workloads' : [];
}

const WORKLOADS: ReadonlySet<string> = new Set(['workload', 'subject', 'client']);

function optionOf(option: Option): CompletedOption {
  return {
    flags: [option.short, option.long].filter((flag) => flag !== undefined && flag !== null),
    description: option.description,
    value: valueIn(option),
    isVariadic: option.variadic,
  };
}

const FILES = /[<[](?:file|path|directory)/;

function valueIn(option: Option): CompletedValue | null {
  if (!option.required && !option.optional) return null;
  if (option.argChoices !== undefined) return { type: 'choices', choices: option.argChoices };
  if (option.long === '--context') return { type: 'contexts' };
  if (option.long?.endsWith('namespace') === true) return { type: 'namespaces' };
  if (option.flags.endsWith('<workload>')) return { type: 'workloads' };
  return { type: FILES.test(option.flags) || option.long === '--kubeconfig' ? 'files' : 'anything' };
}
