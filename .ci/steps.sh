# Steps of a script that sources this file: what each takes, and a summary when the script ends, however it ends.
#
# `step NAME` ends the step before and starts the next. The commands between are the script's own, not arguments of a
# function that is tested for success, where `set -e` would not hold.

step_lines=()
step_name=
step_started=0

# Records the current step with a result, and prints it.
end_step() {
    local line
    printf -v line '%5d s  %-6s  %s' $((SECONDS - step_started)) "$1" "$step_name"
    step_lines+=("$line")
    printf 'ci: %s\n' "$line"
}

step() {
    test -z "$step_name" || end_step ok
    step_name=$1
    step_started=$SECONDS
    printf 'ci: started: %s\n' "$step_name"
}

print_summary() {
    local status=$?
    if ((status == 0)); then end_step ok; else end_step FAILED; fi
    printf '\nci: summary\n'
    printf '  %s\n' "${step_lines[@]}"
    printf '  %5d s  in all\n' "$SECONDS"
    ((status == 0)) || printf 'ci: FAILED in step "%s" with exit code %d\n' "$step_name" "$status"
}

trap print_summary EXIT
# A signal alone would reach the summary as a success.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
