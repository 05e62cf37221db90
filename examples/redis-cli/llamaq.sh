#!/bin/sh
# A producer without the SDK, with nothing but redis-cli: see docs/wire.md.
#
#   llamaq.sh submit KIND REQUEST_JSON [ID]     prints the job's id
#   llamaq.sh follow ID [CURSOR]                prints `<cursor> <event JSON>` lines up to the terminal event
#   llamaq.sh state ID
#   llamaq.sh cancel ID [REASON]
#
# LLAMAQ_REDIS_URL and LLAMAQ_PREFIX say where; a password goes into REDISCLI_AUTH.
set -eu
prefix=${LLAMAQ_PREFIX:-llamaq}

ask() {
  redis-cli -u "${LLAMAQ_REDIS_URL:-redis://127.0.0.1:6379/0}" --no-auth-warning -e "$@"
}

new_id() {
  cat /proc/sys/kernel/random/uuid
}

state() {
  ask --raw HGET "$prefix:{$1}" state
}

has_ended() {
  case $(state "$1") in completed | failed | cancelled | expired) ;; *) return 1 ;; esac
}

follow() {
  cursor=${2:-0}
  wait='BLOCK 20000'
  if has_ended "$1"; then wait=; fi
  while :; do
    # Unquoted output is a line for each part: the stream, then for each entry its id, `event` and the JSON, which never
    # holds a newline. The time-out is for a connection that broke without a word.
    # shellcheck disable=SC2086 # two words, or none
    parts=$(ask --raw XREAD COUNT 1 $wait STREAMS "$prefix:{$1}:events" "$cursor")
    if [ -z "$parts" ]; then
      [ -n "$wait" ] || { echo "job $1 has ended, and there is nothing behind $cursor" >&2; return 1; }
      if has_ended "$1"; then wait=; fi
      continue
    fi
    cursor=$(printf '%s\n' "$parts" | sed -n 2p)
    event=$(printf '%s\n' "$parts" | sed -n 4p)
    printf '%s %s\n' "$cursor" "$event"
    case $event in
      # `v` and `type` come first in every event, so no text or object that a model made can look like an end.
      '{"v":1,"type":"completed",'* | '{"v":1,"type":"failed",'*) return ;;
      '{"v":1,"type":"cancelled",'* | '{"v":1,"type":"expired",'*) return ;;
    esac
  done
}

# A command that lacks its words gets the usage too.
case ${1-}:$# in
  submit:[12] | follow:1 | state:1 | cancel:1) set -- ;;
esac

case ${1-} in
  submit)
    id=${4:-$(new_id)}
    ask XADD "$prefix:inbox" '*' id "$id" kind "$2" request "$3" >/dev/null
    echo "$id"
    ;;
  follow) follow "$2" "${3:-0}" ;;
  state) state "$2" ;;
  cancel) ask XADD "$prefix:inbox" '*' cancel "$2" reason "${3:-cancelled by the producer}" >/dev/null ;;
  *)
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
