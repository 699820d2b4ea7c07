"""A program that speaks the protocol of a peer: python fake_peer.py BEHAVIOUR THREADS.

The behaviour says what goes wrong and when, as ``command:how``; without a colon everything goes right. Steady runs take
2 ms, the first of each burst 9 ms. One that is told to ``lie`` has wrong outputs. An op takes 4 ms a call, and is one
that doubles 1.0.
"""

import json
import struct
import sys
import tempfile
from pathlib import Path

HELLO = {"version": "1.2.3", "runtime": "fake", "backend": "fake", "import_ms": 1.0, "backend_ms": 5.0}


def say(line):
    """One line to whoever started this."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def go_wrong(how):
    """Do one of the things that programs do."""
    if how == "die":
        sys.stderr.write("first words\nlast words\n")
        sys.exit(3)
    if how == "vanish":
        sys.exit(0)
    if how == "hang":
        sys.stdin.read()
    if how == "garble":
        say("not JSON at all")
    if how == "refuse":
        say(json.dumps({"error": "no such kernel"}))
    sys.stdin.read()
    sys.exit(0)


def outputs(file, value):
    """One output, ``y``, with four equal numbers."""
    Path(file).write_bytes(struct.pack("<4f", *[value] * 4))
    return {"outputs": [{"name": "y:0", "shape": [1, 4], "dtype": "float32"}]}


def answers(request):
    """What each command is answered with."""
    command = request["command"]
    if command == "load":
        (given,) = request["inputs"]
        known = Path(request["model"]).is_file() and len(Path(given["file"]).read_bytes()) == 16
        return {"load_ms": 3.0, "first_ms": 4.0, "weight_bytes": 16} if known else {"error": "no files"}
    if command == "op":
        return {} if all(Path(i["file"]).is_file() for i in request["inputs"]) else {"error": "no files"}
    if command == "burst":
        return {"samples": [[4.0 * request["calls"], 4.0 * request["calls"], 0]] * request["count"]}
    if command == "steady":
        return {"times_ms": [9.0] + [2.0] * (request["count"] - 1)}
    if command == "profile":
        return {"peak_bytes": 288, "bytes_before": 32, "num_kernels": 2}
    return outputs(request["file"], 3.0 if sys.argv[1] == "lie" else 2.0)


def main():
    """Say hello, then answer until stdin ends. Like many programs it leaves something behind when it is killed."""
    left = Path(tempfile.mkdtemp())
    when, _, how = sys.argv[1].partition(":")
    if when == "start":
        go_wrong(how)
    say(json.dumps({**HELLO, "threads": int(sys.argv[2]), "left": str(left)}))
    for line in sys.stdin:
        request = json.loads(line)
        if request["command"] == when:
            go_wrong(how)
        say(json.dumps(answers(request)))


main()
