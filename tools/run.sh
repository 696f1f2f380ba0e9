#!/bin/sh
# Audit this host once, then run the agent in the foreground.
set -eu
cd "$(dirname "$0")/.."

status=0
.venv/bin/secmon scan || status=$?
case $status in
0 | 1 | 3) ;; # the audit was made; what it found does not keep the agent from running
*) exit "$status" ;;
esac

# Remember the state folder if the agent is about to make it, for `make uninstall`.
if [ "$(id -u)" -eq 0 ]; then
    state=/var/lib/secmon
else
    state=${XDG_STATE_HOME:-${HOME:-/nonexistent}/.local/state}/secmon
fi
state=${STATE_DIRECTORY:-$state}
if [ ! -e "$state" ]; then
    mkdir -p .made
    echo "$state" >>.made/state
fi

echo
echo "The agent runs now; Ctrl-C ends it. Metrics: http://127.0.0.1:9877/metrics (unless \`listen\` says otherwise)"
exec .venv/bin/secmon run
