#!/usr/bin/env bash
# All of the tests, with all of the set-up: packages into the active virtual environment (or a new
# .venv), a Chromium for the web tests, the LPIPS trunk; then ruff and pytest. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -z "${VIRTUAL_ENV:-}" ]; then
  [ -d .venv ] || python3 -m venv .venv
  . .venv/bin/activate
fi
python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
if [ -z "${STYLEXFER_CHROMIUM:-}" ] && ! command -v chromium chromium-browser google-chrome >/dev/null; then
  echo "Installing Chromium for the web tests"
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null
  else
    python -m playwright install chromium
  fi
fi
python -m stylexfer.metrics.perceptual
ruff check .
ruff format --check .
# A worker for each core, each with one thread; a file's tests stay together, for its fixtures.
OMP_NUM_THREADS=1 python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder "$@"
