#!/bin/sh
# write-tokens.sh TOKENS STORY: makes the tokens that denywhy knows, and one file for each program that shows one. Those that are there stay.
set -eu
tokens="$1"
story="$2"

# The exporter is not root in its container.
mkdir -p "$tokens" "$story"
chmod 1777 "$story"

[ -s "$tokens/tokens" ] && exit 0

random() { od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n'; }
intake="$(random)"
read="$(random)"
printf '%s\n' "$intake" > "$tokens/intake-token"
printf '%s\n' "$read" > "$tokens/read-token"
printf 'loop intake %s\npeople read,triage %s\n' "$intake" "$read" > "$tokens/tokens.draft"
# Each program runs as a user of its own; only they mount this volume.
chmod 0444 "$tokens/intake-token" "$tokens/read-token" "$tokens/tokens.draft"
mv "$tokens/tokens.draft" "$tokens/tokens"
