# Measures the steps of the script that sources this file, and prints a summary when the script exits, for whatever reason.
#
# `step NAME` ends the current step and starts the next. The commands of a step are statements of the script, not arguments of a
# function, because `set -e` has no effect inside a function whose result is tested.

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
    printf '  %5d s  total\n' "$SECONDS"
    ((status == 0)) || printf 'ci: FAILED in step "%s" with exit code %d\n' "$step_name" "$status"
}

trap print_summary EXIT
# Without these, the summary would report a signal as success.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
