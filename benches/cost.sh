#!/usr/bin/env bash
# Prints what one span costs its caller: instructions (callgrind, exact for one toolchain) and allocations.
# Needs valgrind. Reads of the clock are system calls under valgrind, so their ~30 instructions each are missing.
set -euo pipefail
cd "$(dirname "$0")"
cargo build --release --quiet
cargo build --release --quiet --features allocations --target-dir target/allocations
binary=target/release/cekura-trace-benches

instructions() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no \
    --toggle-collect='*measured_region*' "$binary" "$@" 2>&1 >/dev/null |
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

allocations() {
  target/allocations/release/cekura-trace-benches "$@" 2>/dev/null
}

row() {
  printf '%-24s %12s %12s\n' "$@"
}

declare -A total
row 'one span' instructions allocations
for kind in 'plain off' 'sync off' 'plain_async off' 'async off' 'plain_async8 off' 'async8 off' \
  'sync on' 'async on' 'async8 on'; do
  read -r function state <<<"$kind"
  total[$kind]=$(instructions "$function" "$state")
  row "$function, $state" "$((total[$kind] / 1000))" "$(allocations "$function" "$state")"
done
row 'per extra poll' "$(((total['async8 on'] - total['async on']) / 8000))" ''
row 'off, over plain' "$(((total['sync off'] - total['plain off']) / 1000))" ''
row 'off, async, over plain' "$(((total['async off'] - total['plain_async off']) / 1000))" ''
row 'off, per extra poll' "$(((total['async8 off'] - total['async off'] - total['plain_async8 off'] + total['plain_async off']) / 8000))" ''
