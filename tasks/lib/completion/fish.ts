import { functionName, quote, type CommandSpec, type CompletionSpec, type Values } from './spec.js';

/** fish: a line for each command, option and argument, with a condition that says where it fits. */

const PATHS = { file: '__fish_complete_path (commandline -ct)', folder: '__fish_complete_directories (commandline -ct)' };

/** What `complete -a` gets: words, and calls that fish runs when it completes. */
function candidates(program: string, { words, ask, paths }: Values): string {
  return [...words, ...(ask ? [`(${program} ${ask.join(' ')} 2>/dev/null)`] : []), ...(paths ? [`(${PATHS[paths]})`] : [])].join(' ');
}

function lines(spec: CompletionSpec, { options, commands, args, variadic }: CommandSpec, at: string): string[] {
  const start = (position = ''): string => `complete -c ${spec.program} -n ${quote(`${functionName(spec.program)}_at "${at}"${position}`)}`;
  return [
    ...commands.map(({ name, summary }) => `${start(' 0')} -f -a ${name} -d ${quote(summary)}`),
    ...args.map((value, index) => `${start(` ${String(index)}${variadic && index === args.length - 1 ? ' more' : ''}`)} -f -a ${quote(candidates(spec.program, value))}`),
    ...options.map(({ names, summary, value }) => {
      const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`)).join(' ');
      return `${start()} ${flags} -d ${quote(summary)}${value ? ` -x -a ${quote(candidates(spec.program, value))}` : ' -f'}`;
    }),
  ];
}

export function fishScript(spec: CompletionSpec): string {
  const fn = functionName(spec.program);
  const paths = spec.commands.map(({ path }) => path).filter((path) => path !== '');
  const taking = (path: string, { options }: CommandSpec): string[] => options.flatMap(({ names, value }) => (value ? names.map((name) => `${path} ${name}`) : []));
  const takes = [...spec.commands.flatMap((command) => taking(command.path, command)), ...(spec.fallback ? taking('', spec.fallback) : [])];
  return `# fish completion for ${spec.program}; made by: ${spec.program} completion fish
# Succeeds when the words before the cursor name exactly this command (none: the program itself) and, with a second
# argument, when so many positional arguments stand before the cursor; with a third, when it is so many or more.
function ${fn}_at
    set -l path ''
    set -l at 0
    set -l due 0
    for word in (commandline -opc)[2..-1]
        if test $due = 1
            set due 0
        else if string match -q -- '-*' $word
            if contains -- "$path $word" ${takes.map(quote).join(' ')}
                set due 1
            end
        else if test $at = 0; and contains -- (string trim -- "$path $word") ${paths.map(quote).join(' ')}
            set path (string trim -- "$path $word")
        else
            set at (math $at + 1)
        end
    end
    test "$path" = "$argv[1]"; or return 1
    test (count $argv) -lt 2; and return 0
    test $at = $argv[2]; and return 0
    test (count $argv) -gt 2; and test $at -gt $argv[2]
end
complete -c ${spec.program} -f
${spec.commands.flatMap((command) => lines(spec, command, command.path)).join('\n')}
${spec.fallback ? lines(spec, spec.fallback, '').join('\n') : ''}
`;
}
