#!/bin/sh
# Undo what `make setup` and `make run` did: the environment, caches, the agent's state, packages of the system.
set -eu
cd "$(dirname "$0")/.."

if [ -e .made/state ]; then
    sort -u .made/state | while read -r folder; do
        [ ! -d "$folder" ] || { rm -rf "$folder" && echo "removed $folder"; }
    done
fi
if [ -s .made/packages ]; then
    # dpkg refuses where something installed since then needs one of them; then they stay.
    xargs dpkg --purge <.made/packages || echo "kept, since others need them: $(tr '\n' ' ' <.made/packages)"
fi
rm -rf .made .venv .mypy_cache .ruff_cache .import_linter_cache .hypothesis
find secmon tests tools bench -name __pycache__ -type d -exec rm -rf {} +
echo "removed .venv and caches"
