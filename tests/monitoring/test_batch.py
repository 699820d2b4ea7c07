"""What a collector takes, and what it refuses with which words."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfjslab.base.errors import InputError
from tfjslab.monitoring.batch import Batch, ErrorCount, kind_of, message_of, read_batch

GOOD = Batch("pose", "simd", "safari mobile", 12.5, 3.0, ((-4, 2), (7, 1)), (10, 20), None,
             (ErrorCount("load.http", 2, "model-simd.wasm: found HTTP 404, expected 200"),), 1)


def changed(**fields):
    return json.dumps({**GOOD.to_json(), **fields}).encode()


def test_what_is_sent_is_what_is_read():
    assert read_batch(GOOD.body()) == GOOD
    assert len(GOOD.id) == 32
    assert Batch("a", "b", "node").id != Batch("a", "b", "node").id


WRONG = [
    ({"schema": 2}, "body: 'schema' is 2; this collector knows 1"),
    ({"schema": True}, "body: 'schema': found True, expected an integer"),
    ({"address": "10.0.0.1"}, "body: 'address' is unknown; expected "),
    ({"id": "G" * 32}, f"body: 'id': found '{'G' * 32}', expected 32 hex digits"),
    ({"model": ""}, "body: 'model' is 0 characters; expected 1 to 64 printable ones"),
    ({"model": "x" * 65}, "body: 'model' is 65 characters; expected 1 to 64 printable ones"),
    ({"model": "a\nb"}, "body: 'model' is 3 characters; expected 1 to 64 printable ones"),
    ({"variant": 'x"'}, "body: 'variant': found 'x\"', expected at most 32 of a-z 0-9 . _ -"),
    ({"browser": "lynx"}, "body: 'browser': found 'lynx', expected one of chrome, edge"),
    ({"load_ms": -1}, "body: 'load_ms': found -1, expected a number"),
    ({"load_ms": -0.5}, "body: 'load_ms' is -0.5; expected 0 to 3.6e+06 ms"),
    ({"first_ms": "3"}, "body: 'first_ms': found '3', expected a number"),
    ({"first_ms": True}, "body: 'first_ms': found True, expected a number"),
    ({"predict": [[1, 1], [1, 1]]}, "body: 'predict[1][0]' is out of range; expected 2 to 755"),
    ({"predict": [[756, 1]]}, "body: 'predict[0][0]' is out of range; expected -345 to 755"),
    ({"predict": [[1, 0]]}, "body: 'predict[0][1]' is out of range; expected 1 to 10000000"),
    ({"predict": [[1, 10**300]]}, "body: 'predict[0][1]' is out of range; expected 1 to 10000000"),
    ({"predict": [[1, 10**400]]}, "body: not valid JSON: number 100000000000... of 401 digits is too large"),
    ({"predict": [[1, 1.0]]}, "body: 'predict[0][1]': found 1.0, expected an integer"),
    ({"predict": [[1]]}, "body: 'predict[0]' has 1 members; expected a bucket and its count"),
    ({"memory": [1]}, "body: 'memory' has 1 members; expected bytes at the start and now"),
    ({"heap": [1, 2**41]}, "body: 'heap[1]' is out of range; expected 0 to 1099511627776"),
    ({"fallbacks": -1}, "body: 'fallbacks' is out of range; expected 0 to 16"),
    ({"errors": [{"kind": "run"}]}, "body: 'errors[0]': expected kind, count and message"),
    ({"errors": [{"kind": "run", "count": 1, "message": "x" * 121}]},
     "body: 'errors[0].message' is 121 characters; expected 120 printable ones at most"),
    ({"errors": [{"kind": "run", "count": 1, "message": ""}] * 17},
     "body: 'errors' has 17 kinds; at most 16 are taken"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG, ids=[json.dumps(f)[:40] for f, _ in WRONG])
def test_a_wrong_field_is_refused_by_name(fields, message):
    with pytest.raises(InputError) as caught:
        read_batch(changed(**fields))
    assert str(caught.value).startswith(message)
    assert caught.value.code == "monitor.batch"


def test_a_missing_field_is_named():
    found = GOOD.to_json()
    del found["heap"]
    with pytest.raises(InputError, match="body: 'heap' is missing; expected browser, errors"):
        read_batch(json.dumps(found).encode())


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"schema":1,"schema":1}', b'{"schema":NaN}',
                                  b'{"schema":1e999}', b"[" * 30_000 + b"]" * 30_000, b'{"model":"\\ud800"}'])
def test_what_is_no_object_of_json_is_refused(body):
    with pytest.raises(InputError):
        read_batch(body)


@settings(max_examples=60, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)),
       st.sampled_from(sorted(GOOD.to_json())))
def test_no_value_of_a_field_does_anything_but_pass_or_be_refused(value, name):
    try:
        found = read_batch(changed(**{name: value}))
    except InputError:
        return
    assert read_batch(found.body()) == found


@pytest.mark.parametrize(("text", "sent"), [
    ("https://a.example/u/ann/model.bin?token=1: found HTTP 404", "model.bin found HTTP 404"),
    ("/srv/ann/model.json does not exist", "model.json does not exist"),
    ("shape [?, 3]; expected 5", "shape [?, 3]; expected 5"),
    ("one\ntwo\u00e9", "one two "), ("x" * 200, "x" * 120),
])
def test_messages_tell_no_folder_and_no_query(text, sent):
    assert message_of(text) == sent


def test_kinds_are_codes():
    assert [kind_of(code) for code in ("input.shape", "20", "A b", "x" * 40)] == ["input.shape", *["error"] * 3]
