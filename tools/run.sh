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

# Remember the state folders that the agent is about to make, for `make uninstall`.
mkdir -p .made
for folder in "${STATE_DIRECTORY:-/var/lib/secmon}" "${XDG_STATE_HOME:-${HOME:-/root}/.local/state}/secmon"; do
    [ -e "$folder" ] || echo "$folder" >>.made/state
done

echo
echo "The agent runs now; Ctrl-C ends it. Metrics: http://127.0.0.1:9877/metrics (unless \`listen\` says otherwise)"
exec .venv/bin/secmon run
