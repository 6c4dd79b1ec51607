/** The completion script for zsh. */
import type { CompletedCommand, CompletedOption } from './completion-model.ts';

export function zshCompletion(commands: readonly CompletedCommand[]): string {
  const described = commands.map(({ name, description }) => `    ${quoted(`${name}:${description.replaceAll(':', '\\:')}`)}`);
  return `#compdef denywhy
# zsh completion for denywhy: source <(denywhy completion zsh), or a file _denywhy in a directory of $fpath
${KUBECTL}
_denywhy() {
  local context state line
  local -a commands
  commands=(
${described.join('\n')}
  )
  _arguments -C '(- *)'{-h,--help}'[display help]' '(- *)'{-V,--version}'[output the version number]' '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe -t commands 'command' commands ;;
    argument)
      case $line[1] in
${commands.map(commandCase).join('')}      esac
      ;;
  esac
}

if [[ "$funcstack[1]" == _denywhy ]]; then
  _denywhy "$@"
else
  compdef _denywhy denywhy
fi
`;
}

const KUBECTL = `_denywhy_names() {
  local -a names
  names=(\${(f)"$(kubectl --request-timeout=2s "$@" 2>/dev/null)"})
  compadd -a names
}

_denywhy_namespaces() {
  local -a names
  names=(\${\${(f)"$(kubectl --request-timeout=2s get namespaces -o name 2>/dev/null)"}#namespace/})
  compadd -a names
}

_denywhy_workloads() {
  local namespace=\${opt_args[-n]:-\${opt_args[--namespace]}}
  local -a names
  names=(\${(f)"$(kubectl --request-timeout=2s get \${namespace:+-n} $namespace deployments,statefulsets,daemonsets,pods -o name 2>/dev/null)"})
  names=(\${names/#deployment.apps\\//deploy/})
  names=(\${names/#statefulset.apps\\//sts/})
  names=(\${names/#daemonset.apps\\//ds/})
  names=(\${names/#pod\\//po/})
  compadd -a names
}
`;

function commandCase({ name, options, argument }: CompletedCommand): string {
  const specs = [...options.map(optionSpec), ...argumentSpec(argument)];
  return `        ${name}) _arguments ${specs.join(' ')} ;;\n`;
}

function optionSpec({ flags, description, value, isVariadic }: CompletedOption): string {
  const said = `[${description.replaceAll(/[[\]\\]/g, (character) => `\\${character}`)}]${value === null ? '' : `:${actionOf(value)}`}`;
  const names = flags.length > 1 ? `{${flags.join(',')}}` : (flags[0] ?? '');
  return isVariadic ? `'*'${names}${quoted(said)}` : `${quoted(`(${flags.join(' ')})`)}${names}${quoted(said)}`;
}

function actionOf(value: NonNullable<CompletedOption['value']>): string {
  switch (value.type) {
    case 'choices':
      return `form:(${value.choices.join(' ')})`;
    case 'namespaces':
      return 'namespace:_denywhy_namespaces';
    case 'contexts':
      return 'context:_denywhy_names config get-contexts -o name';
    case 'workloads':
      return 'workload:_denywhy_workloads';
    case 'files':
      return 'file:_files';
    default:
      return 'value: ';
  }
}

function argumentSpec(argument: CompletedCommand['argument']): readonly string[] {
  if (argument === null) return [];
  if (argument === 'files') return ["'*:file:_files'"];
  return [argument === 'workloads' ? "'1:workload:_denywhy_workloads'" : quoted(`1:argument:(${argument.join(' ')})`)];
}

/** One word of the shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
