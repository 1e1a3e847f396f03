# bash completion of gtrace. Verbs and options come from gtrace itself, so that nothing is said twice.
_gtrace()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]} i choices
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		if [[ ${COMP_WORDS[i]} == -- ]]; then # the command that is recorded
			declare -F _command_offset >/dev/null && _command_offset $((i + 1))
			return
		fi
	done
	if ((COMP_CWORD == 1)); then
		COMPREPLY=($(compgen -W "$(gtrace list verbs 2>/dev/null | awk 'NR > 1 { print $1 }') help" -- "$cur"))
		return
	fi
	[[ $verb == help ]] && { COMPREPLY=($(compgen -W "$(gtrace list verbs 2>/dev/null | awk 'NR > 1 { print $1 }')" -- "$cur")); return; }
	if [[ $prev == --* ]]; then # --full drop|block: the choices stand in the help
		choices=$(gtrace "$verb" --help 2>/dev/null | awk -v o="$prev" '{ for (k = 1; k < NF; k++) if ($k == o && $(k + 1) ~ /\|/) print $(k + 1) }')
		[[ -n $choices ]] && { COMPREPLY=($(compgen -W "${choices//|/ }" -- "$cur")); return; }
	fi
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$(gtrace "$verb" --help 2>/dev/null | grep -oE -- '^ +(-[a-z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+')" -- "$cur"))
		return
	fi
	[[ $verb == list ]] && { COMPREPLY=($(compgen -W "events records reasons hooks groups verbs" -- "$cur")); return; }
	compopt -o filenames 2>/dev/null
	COMPREPLY=($(compgen -f -- "$cur"))
}
complete -F _gtrace gtrace
