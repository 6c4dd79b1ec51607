/** The completion script for bash; it works in 3.2, which macOS has, and needs nothing but bash. */
import type { CompletedCommand, CompletedOption } from './completion-model.ts';

export function bashCompletion(commands: readonly CompletedCommand[]): string {
  const names = [...commands.map(({ name }) => name), 'help', '--help', '--version'].join(' ');
  return `# bash completion for denywhy: source <(denywhy completion bash)
${KUBECTL}
_denywhy() {
  local cur=\${COMP_WORDS[COMP_CWORD]} command='' option='' namespace='' context='' i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i - 1]} in
      -n | --namespace) namespace=\${COMP_WORDS[i]} ;;
      --context) context=\${COMP_WORDS[i]} ;;
    esac
    case \${COMP_WORDS[i]} in
      -*) option=\${COMP_WORDS[i]} ;;
      *) [[ -n $command ]] || command=\${COMP_WORDS[i]} ;;
    esac
  done
  # An option that takes one value has had it.
  if [[ -n $option && \${COMP_WORDS[COMP_CWORD - 1]} != "$option" ]] && ! _denywhy_variadic "$command" "$option"; then option=''; fi
  if [[ -z $command || ( $command == help && COMP_CWORD -gt 1 ) ]]; then
    COMPREPLY=($(compgen -W '${names}' -- "$cur"))
    return
  fi
  case $command in
${commands.map(commandCase).join('')}  esac
}

_denywhy_variadic() {
  case "$1 $2" in
${variadics(commands)}    *) return 1 ;;
  esac
}

complete -o default -F _denywhy denywhy
`;
}

/** Names of the cluster, where kubectl answers within two seconds. */
const KUBECTL = `_denywhy_kubectl() {
  kubectl --request-timeout=2s "$@" 2>/dev/null
}

_denywhy_namespaces() {
  _denywhy_kubectl \${context:+--context "$context"} get namespaces -o name | sed 's|^namespace/||'
}

_denywhy_workloads() {
  _denywhy_kubectl \${context:+--context "$context"} get \${namespace:+-n "$namespace"} deployments,statefulsets,daemonsets,pods -o name |
    sed -e 's|^deployment.apps/|deploy/|' -e 's|^statefulset.apps/|sts/|' -e 's|^daemonset.apps/|ds/|' -e 's|^pod/|po/|'
}
`;

function variadics(commands: readonly CompletedCommand[]): string {
  const all = commands.flatMap(({ name, options }) =>
    options.filter(({ isVariadic }) => isVariadic).flatMap(({ flags }) => flags.map((flag) => `'${name} ${flag}'`)),
  );
  return all.length === 0 ? '' : `    ${all.join(' | ')}) return 0 ;;\n`;
}

function commandCase({ name, options, argument }: CompletedCommand): string {
  const flags = options.flatMap((option) => option.flags).join(' ');
  const values = options
    .filter(({ value }) => value !== null)
    .map(optionCase)
    .join('');
  return `    ${name})
      case $option in
${values}      esac
      if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W '${flags}' -- "$cur"))
        return
      fi
${argumentLines(argument)}      ;;
`;
}

function optionCase({ flags, value }: CompletedOption): string {
  return `        ${flags.join(' | ')})
          [[ $cur == -* ]] || { ${replyOf(value)}; return; }
          ;;
`;
}

function replyOf(value: CompletedOption['value']): string {
  switch (value?.type) {
    case 'choices':
      return `COMPREPLY=($(compgen -W '${value.choices.join(' ')}' -- "$cur"))`;
    case 'namespaces':
      return 'COMPREPLY=($(compgen -W "$(_denywhy_namespaces)" -- "$cur"))';
    case 'contexts':
      return 'COMPREPLY=($(compgen -W "$(_denywhy_kubectl config get-contexts -o name)" -- "$cur"))';
    case 'workloads':
      return 'COMPREPLY=($(compgen -W "$(_denywhy_workloads)" -- "$cur"))';
    case 'files':
      return 'COMPREPLY=($(compgen -f -- "$cur"))';
    default:
      return ':';
  }
}

function argumentLines(argument: CompletedCommand['argument']): string {
  // The shell's own default: files.
  if (argument === null || argument === 'files') return '';
  const words = argument === 'workloads' ? '"$(_denywhy_workloads)"' : `'${argument.join(' ')}'`;
  return `      COMPREPLY=($(compgen -W ${words} -- "$cur"))\n`;
}
