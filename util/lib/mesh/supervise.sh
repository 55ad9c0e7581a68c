#!/bin/sh
#
# supervise.sh DRAIN GRACE DRAIN_FILE COMMAND...
#
# Runs nginx in the foreground for util/mesh, and gives SIGTERM the meaning that
# it has for containers, to end without harm:
#
#   1. DRAIN_FILE is made (the directive drain_file), so that nginx tells its
#      clients to go, while it serves whoever still comes, for DRAIN seconds;
#   2. SIGQUIT: nginx listens no longer and ends with its last request;
#   3. after GRACE seconds more SIGTERM: it ends.
#
# A second SIGTERM ends it at once.  SIGINT means the same; but from a terminal
# nginx gets it as well, and ends at once.  SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2
# and SIGWINCH are handed on; nginx, in the foreground, ignores the last two.
# The exit status is nginx's.
#
# POSIX sh, and nothing is run while nothing happens: this process is there as
# long as nginx, once in every container.

set -u

drain=$1
grace=$2
drain_file=$3
shift 3

nginx=
stopping=
timer=

hand_on() {
    interrupted=1
    [ -z "$nginx" ] || kill -s "$1" "$nginx" 2>/dev/null
}

# In steps: a sleep outlives the shell that waits for it.

pause() {
    seconds=$1
    while [ "$seconds" -gt 0 ]; do
        sleep 1
        seconds=$((seconds - 1))
    done
}

# In a process of its own, since this one waits for nginx.

finish() {
    if [ "$drain" -gt 0 ]; then
        true > "$drain_file"        # ":" would end the shell if it failed
        pause "$drain"
    fi
    hand_on QUIT
    pause "$grace"
    hand_on TERM
}

begin() {
    finish < /dev/null > /dev/null 2>&1 &
    timer=$!
}

# shellcheck disable=SC2317
stop() {
    interrupted=1
    if [ -n "$stopping" ]; then
        hand_on TERM
        return
    fi
    stopping=1
    [ -z "$nginx" ] || begin
}

trap stop TERM INT
for name in QUIT HUP USR1 USR2 WINCH; do
    # shellcheck disable=SC2064
    trap "hand_on $name" "$name"
done

"$@" &
nginx=$!
[ -z "$stopping" ] || begin

# "wait" ends with each signal, too; 127: it has told the status before

status=0
interrupted=1
while [ -n "$interrupted" ]; do
    interrupted=
    wait "$nginx"
    code=$?
    [ "$code" != 127 ] || break
    status=$code
done

[ -z "$timer" ] || kill "$timer" 2>/dev/null
exit "$status"
