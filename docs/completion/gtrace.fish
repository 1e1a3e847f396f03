# fish completion of gtrace: verbs and options come from gtrace itself.
function __gtrace_options
	set -l words (commandline -opc)
	gtrace $words[2] --help 2>/dev/null | string match -rg -- '^ +(?:-[a-z], )?(--[a-z-]+)'
end
complete -c gtrace -n __fish_use_subcommand -f -a '(gtrace list verbs 2>/dev/null | awk \'NR > 1 { print $1 }\') help'
complete -c gtrace -n 'not __fish_use_subcommand; and string match -q -- "-*" (commandline -ct)' -f -a '(__gtrace_options)'
