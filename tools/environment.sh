#!/bin/sh
# Make .venv from a lock file, or bring it up to date. A half-made environment never stays: one without any
# stamp is thrown away, and stamps are written last.
#
# Usage: PYTHON=python3 tools/environment.sh LOCK NAME      writes .venv/NAME.stamp
set -eu
cd "$(dirname "$0")/.."

lock=$1
name=$2
venv=.venv
fresh=no

finish() {
    status=$?
    if [ "$status" -ne 0 ] && [ "$fresh" = yes ]; then
        rm -rf "$venv"
        echo "The environment could not be made; nothing of it was kept. The reason stands above." >&2
    fi
    exit "$status"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

installed() {
    dpkg-query -W -f '${db:Status-Abbrev}${binary:Package}\n' | sed -n 's/^ii //p' | sort
}

# As root on Debian, install what `python -m venv` lacks, and remember what that brought for `make uninstall`.
install_venv() {
    package=$(basename "$PYTHON")-venv
    command -v apt-get >/dev/null || {
        echo "$PYTHON cannot make an environment: its modules venv and ensurepip are missing" >&2
        exit 1
    }
    mkdir -p .made
    installed >.made/before
    apt-get update
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$package"
    installed | comm -13 .made/before - >>.made/packages
    rm .made/before
}

is_whole() {
    { [ -e "$venv/run.stamp" ] || [ -e "$venv/dev.stamp" ]; } && "$venv/bin/python" -c pass 2>/dev/null
}

if ! is_whole; then
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || install_venv
    rm -rf "$venv"
    fresh=yes
    echo "Making $venv with $("$PYTHON" --version)"
    "$PYTHON" -m venv "$venv"
fi

echo "Installing what $lock names"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
    --require-hashes --only-binary :all: -r "$lock"

# `.venv/bin/secmon` runs this checkout from any folder; -I keeps a folder named secmon there from being run.
"$venv/bin/python" - <<'PROGRAM'
import pathlib
import sysconfig

pathlib.Path(sysconfig.get_path("purelib"), "secmon.pth").write_text(f"{pathlib.Path.cwd()}\n")
PROGRAM
cat >"$venv/bin/secmon" <<PROGRAM
#!/bin/sh
exec "$PWD/$venv/bin/python" -I -m secmon "\$@"
PROGRAM
chmod 755 "$venv/bin/secmon"

touch "$venv/$name.stamp"
[ "$name" = run ] || touch "$venv/run.stamp"
