#!/bin/sh
# A worker that the server starts: RULE SET r jobs. agent /path/to/worker.sh
echo "0 HELLO"
while read -r id word execution job _; do
	[ "$word" = RUN ] || continue # a reply
	echo "working on $job" >&2
	echo "$id DONE $execution 0 \"$job by $$\""
done
