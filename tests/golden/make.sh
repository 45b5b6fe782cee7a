#!/usr/bin/env bash
# Makes tests/golden/clean and tests/golden/killed anew, with the program as it is now: data directories of a server that
# was stopped, and of one that was killed with kill -9. Later versions must open what earlier ones left, so this is run
# only when the format on disk changes on purpose; the old directories then stay, under another name.
#
#   tests/golden/make.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo run --quiet -p tests --example make_golden -- tests/golden
du -sh tests/golden/clean tests/golden/killed
