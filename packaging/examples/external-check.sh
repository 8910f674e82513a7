#!/bin/sh
exec checkers galera --once --store none --fall 1 --conf "${0%/*}/db.conf" --tag "$HAPROXY_PROXY_NAME" --server "[$3]:$4" >/dev/null
