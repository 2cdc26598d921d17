#!/bin/sh
# Asks again what was recorded, at the same pace, and prints each status; exit 1 if one is another.
# To be asked of a lab that starts anew: lab serve expense-approval --seed 42
# With another seed jobs take other times. LAB_SPEED=20 goes with --clock scaled:20.
: "${LAB_CLIENT_SECRET:?has to be set: client:demo}"
LAB_BASE=${LAB_BASE:-http://127.0.0.1:8080}
LAB_TOKEN_URL=${LAB_TOKEN_URL:-"$LAB_BASE"/oauth2/v1/token}
LAB_SPEED=${LAB_SPEED:-1}

answer=$(mktemp) && headers=$(mktemp) && sent=$(mktemp) || exit 4
trap 'rm -f "$answer" "$headers" "$sent"' EXIT
differ=0
# call NUMBER STATUS: asks, and holds the status against the recorded one
call() {
  number=$1 recorded=$2; shift 2
  status=$(curl -s -g --proto =http,https --path-as-is -o "$answer" -D "$headers" -w '%{http_code}' "$@")
  if [ "$status" = "$recorded" ]; then echo "$number: $status"
  else differ=1; echo "$number: $status, recorded: $recorded"; fi
}
# member NAME N: the n-th text of that name in the answer
member() { grep -o "\"$1\": *\"[^\"]*\"" "$answer" | sed -n "$2s/^[^:]*: *\"\(.*\)\"\$/\1/p"; }
# parameter NAME: what the answer's Location has for it
parameter() { sed -n "s/^[Ll]ocation:.*[?&]$1=\([^&[:space:]]*\).*/\1/p" "$headers"; }
pause() { sleep "$(awk -v seconds="$1" -v speed="$LAB_SPEED" 'BEGIN { print seconds / speed }')"; }

call 1 200 "$LAB_TOKEN_URL" \
  -u demo:"$LAB_CLIENT_SECRET" \
  --data-urlencode grant_type=client_credentials \
  --data-urlencode scope=urn:opc:resource:fusion:acme-test:fusion-ai/
LAB_TOKEN=$(member access_token 1)

pause 0.005
call 2 202 "$LAB_BASE"/api/fusion-ai/orchestrator/agent/v2/EXPENSES/invokeAsync \
  -H 'authorization: Bearer '"$LAB_TOKEN" \
  -H 'content-type: application/json' \
  --data-raw '{"message":"Taxi, é 42","conversational":true,"conversationId":null}'
LAB_JOB_ID=$(member jobId 1)

pause 9.000
call 3 503 "$LAB_BASE"/api/fusion-ai/orchestrator/agent/v2/EXPENSES/status/"$LAB_JOB_ID" \
  -H 'authorization: Bearer '"$LAB_TOKEN"

exit $differ
