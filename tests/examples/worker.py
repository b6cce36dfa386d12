#!/usr/bin/env python3
"""A worker that attaches itself: worker.py host port rule."""
import shlex, socket, sys

def split(line):
    words = shlex.shlex(line, posix=True)
    words.whitespace_split, words.quotes, words.commenters = True, '"', ""
    return words

host, port, rule = sys.argv[1:]
lines = socket.create_connection((host, int(port))).makefile("rw")
print("w AGENT ATTACH", rule, file=lines, flush=True)
for line in lines:
    word, kind, *rest = split(line)
    if kind == "RUN":
        execution, job, due_ns, attempt, payload = rest
        print("w DONE", execution, 0, job, file=lines, flush=True)
    print(kind, flush=True)
