#!/bin/sh
# SPDX-License-Identifier: MIT
# The commands of the guide on damage, as they stand there, on a damaged log: damage.sh PAGE WALCTL FOLDER
set -eu
page=$1 walctl=$2
rm -rf "$3"
mkdir -p "$3"
cd "$3"
seq 1 500 | "$walctl" import --durable orders.wal >/dev/null
printf X | dd of=orders.wal bs=1 seek=4000 conv=notrunc 2>/dev/null

ran=0
awk '/^```sh/ { inside = 1; next } /^```/ { inside = 0 } inside' "$page" >commands
while read -r line; do
  code=0
  eval "$(printf '%s' "$line" | sed "s|^walctl |\"\$walctl\" |")" >said 2>&1 </dev/null || code=$?
  # 2 is damage; 3 would be a command that does not exist.
  if [ "$code" -gt 2 ]; then
    echo "$line: exit code $code"
    cat said
    exit 1
  fi
  ran=$((ran + 1))
done <commands
[ "$ran" -ge 4 ] || { echo "only $ran commands: has the page's form changed?"; exit 1; }

"$walctl" verify -q all.wal || [ $? = 1 ] || { echo "what was salvaged is no sound log"; exit 1; }
[ "$("$walctl" dump --format text all.wal | wc -l)" = 499 ] || { echo "salvaging lost more than the damaged event"; exit 1; }
