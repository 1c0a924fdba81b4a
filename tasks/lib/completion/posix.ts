import { functionName, quote, type CommandSpec, type CompletionSpec, type Values } from './spec.js';

/**
 * bash and zsh: one function that walks over the words already typed, finds the command and whether a value or a
 * positional argument is due, and offers what fits. The tables are `case` branches made from the command tree.
 */

/** Branches `'PATH OPTION'` for the options of every command; the program's own words fall to the default command. */
function optionBranches(spec: CompletionSpec, body: (value: Values) => string): string[] {
  const branch = (path: string, { options }: CommandSpec): string[] =>
    options.flatMap(({ names, value }) => (value ? [`    ${names.map((name) => quote(`${path} ${name}`)).join('|')}) ${body(value)};;`] : []));
  return [...spec.commands.flatMap((command) => branch(command.path, command)), ...(spec.fallback ? branch('', spec.fallback) : [])];
}

/** What a command offers in the place of its n-th positional argument (0 is the first). */
function argBranches(spec: CompletionSpec, body: (value: Values) => string): string[] {
  const branch = (path: string, { args, variadic }: CommandSpec): string[] =>
    args.map((value, at) => `    ${quote(`${path} ${String(at)}`)}${variadic && at === args.length - 1 ? `|${quote(`${path} `)}*` : ''}) ${body(value)};;`);
  return [...spec.commands.flatMap((command) => branch(command.path, command)), ...(spec.fallback ? branch('', spec.fallback) : [])];
}

function namesOf(spec: CompletionSpec, pick: (command: CommandSpec) => string[]): string[] {
  return spec.commands.map((command) => {
    const words = [...pick(command), ...(command.path === '' && spec.fallback ? pick(spec.fallback) : [])];
    return `    ${quote(command.path)}) words_=${quote([...new Set(words)].join(' '))};;`;
  });
}

/** Calls of the helpers of a shell's own that offer a value. */
function offer(fn: string, { words, ask, paths }: Values): string {
  const calls = [
    ...(words.length > 0 ? [`${fn}_words ${quote(words.join(' '))}`] : []),
    ...(ask ? [`${fn}_ask ${ask.map(quote).join(' ')}`] : []),
    ...(paths ? [`${fn}_paths ${paths}`] : []),
  ];
  return calls.length > 0 ? calls.join('; ') : ':';
}

/** The tables and the walk; both shells read this text (array indexes differ and are passed in). */
export function posixBody(spec: CompletionSpec, arrays: { word: (index: string) => string; first: number; current: string }): string {
  const fn = functionName(spec.program);
  const paths = spec.commands.filter(({ path }) => path !== '').map(({ path }) => quote(path));
  return `
# Words that a command offers where no value is due.
${fn}_commands() {
  case "$1" in
${namesOf(spec, ({ commands }) => commands.map(({ name }) => name)).join('\n')}
  esac
}
${fn}_options() {
  case "$1" in
${namesOf(spec, ({ options }) => options.flatMap(({ names }) => names)).join('\n')}
  esac
}
# Values of an option: $1 is 'COMMAND OPTION'. Fails when the option takes none.
${fn}_value() {
  case "$1" in
${optionBranches(spec, (value) => offer(fn, value)).join('\n')}
    *) return 1;;
  esac
}
${fn}_takes() {
  case "$1" in
${optionBranches(spec, () => 'return 0').join('\n')}
  esac
  return 1
}
# Values of a positional argument: $1 is 'COMMAND NUMBER'.
${fn}_argument() {
  case "$1" in
${argBranches(spec, (value) => offer(fn, value)).join('\n')}
  esac
}
# Sets path_ (the command), at_ (number of positional arguments before the cursor), due_ (the option whose value is due).
${fn}_walk() {
  local i word
  path_= at_=0 due_=
  i=${String(arrays.first)}
  while [ "$i" -lt "${arrays.current}" ]; do
    word="${arrays.word('$i')}"
    i=$((i + 1))
    # bash takes = for a word of its own.
    if [ "$word" = = ]; then continue; fi
    if [ -n "$due_" ]; then due_=; continue; fi
    case "$word" in
      --*=*) ;;
      -*) if ${fn}_takes "$path_ $word"; then due_=$word; fi;;
      *)
        case "\${path_:+$path_ }$word" in
          ${paths.join('|')}) if [ "$at_" -eq 0 ]; then path_="\${path_:+$path_ }$word"; else at_=$((at_ + 1)); fi;;
          *) at_=$((at_ + 1));;
        esac;;
    esac
  done
}
# Offers what fits the cursor's word, $1.
${fn}_offer() {
  local path_ at_ due_ words_
  ${fn}_walk
  if [ -n "$due_" ]; then ${fn}_value "$path_ $due_"; return; fi
  case "$1" in
    -*) words_=; ${fn}_options "$path_"; ${fn}_words "$words_";;
    *)
      if [ "$at_" -eq 0 ]; then words_=; ${fn}_commands "$path_"; ${fn}_words "$words_"; fi
      ${fn}_argument "$path_ $at_";;
  esac
}`.trim();
}

export function bashScript(spec: CompletionSpec): string {
  const fn = functionName(spec.program);
  return `# bash completion for ${spec.program}; made by: ${spec.program} completion bash
${posixBody(spec, { word: (index) => `\${COMP_WORDS[${index}]}`, first: 1, current: '$COMP_CWORD' })}
${fn}_add() {
  local line
  while IFS= read -r line; do COMPREPLY+=("$line"); done
}
${fn}_words() { ${fn}_add < <(compgen -W "$1" -- "$cur_"); }
${fn}_ask() { ${fn}_words "$("$program_" "$@" 2>/dev/null)"; }
${fn}_paths() {
  compopt -o filenames 2>/dev/null
  if [ "$1" = folder ]; then ${fn}_add < <(compgen -d -- "$cur_"); else ${fn}_add < <(compgen -f -- "$cur_"); fi
}
${fn}() {
  local program_=$1 cur_=\${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  if [ "$cur_" = = ]; then cur_=; fi
  ${fn}_offer "$cur_"
}
complete -F ${fn} ${spec.program}
`;
}

export function zshScript(spec: CompletionSpec): string {
  const fn = functionName(spec.program);
  return `#compdef ${spec.program}
# zsh completion for ${spec.program}; made by: ${spec.program} completion zsh
${posixBody(spec, { word: (index) => `\${words[${index}]}`, first: 2, current: '$CURRENT' })}
${fn}_words() { compadd -- \${=1}; }
${fn}_ask() { ${fn}_words "$("$words[1]" "$@" 2>/dev/null)"; }
${fn}_paths() { if [ "$1" = folder ]; then _files -/; else _files; fi; }
${fn}() { ${fn}_offer "$PREFIX"; }
if [ "$funcstack[1]" = ${fn} ]; then ${fn}; else compdef ${fn} ${spec.program}; fi
`;
}
