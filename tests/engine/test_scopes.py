"""tidy, keep and dispose free exactly what TensorFlow.js frees."""

from __future__ import annotations

import threading

import pytest

import tfjslab as tf
from tfjslab.base.errors import UsageError


def count():
    return tf.memory().num_tensors


def test_tidy_frees_all_but_what_it_returns():
    before = count()
    inside = []

    def work():
        inside.append(tf.tensor([1]))
        return tf.tensor([2])

    y = tf.tidy(work)
    assert inside[0].is_disposed
    assert (y.array_sync(), count()) == ([2], before + 1)
    y.dispose()


def test_returned_tensors_are_found_in_nested_containers_and_move_to_the_scope_around():
    before = count()
    with tf.tidy():
        found = tf.tidy("inner", lambda: {"a": [tf.scalar(1), (tf.scalar(2),)], "b": {"c": tf.scalar(3)}, "d": 4})
        assert count() == before + 3
        assert found["a"][1][0].item() == 2
    assert count() == before
    assert found["b"]["c"].is_disposed


def test_the_same_tensor_returned_twice_stays_one():
    t = tf.tidy(lambda: [x := tf.scalar(1), x, [x]])[0]
    t.dispose()


def test_a_container_that_holds_itself_ends():
    def work():
        loop = [tf.scalar(1)]
        loop.append(loop)
        return loop

    tf.dispose(tf.tidy(work))


def test_exceptions_clean_up_and_pass_on():
    before = count()
    with pytest.raises(KeyError, match="planned"):
        tf.tidy(lambda: (tf.scalar(1), tf.tidy(lambda: (tf.scalar(2), {}["planned"]))))
    assert count() == before


def test_the_with_form_keeps_what_was_named():
    with tf.tidy() as scope:
        a = tf.scalar(1)
        b = scope.returns(tf.scalar(2))
    assert (a.is_disposed, b.is_disposed) == (True, False)
    b.dispose()


def test_kept_tensors_survive_every_scope():
    with tf.tidy():
        with tf.tidy():
            t = tf.keep(tf.scalar(1))
        assert not t.is_disposed
    assert t.item() == 1
    t.dispose()


def test_tensors_from_outside_are_not_touched():
    t = tf.scalar(1)
    assert tf.tidy(lambda: t) is t
    assert not t.is_disposed
    t.dispose()


def test_dispose_takes_nested_containers_and_models():
    a, b = tf.scalar(1), tf.scalar(2)
    tf.dispose({"a": a, "rest": (b, "text", None)})
    assert a.is_disposed
    assert b.is_disposed

    class Disposable:
        done = False

        def dispose(self):
            self.done = True

    thing = Disposable()
    tf.dispose(thing)
    assert thing.done


def test_get_tensors_in_container_lists_each_once():
    a, b = tf.scalar(1), tf.scalar(2)
    assert {t.id for t in tf.get_tensors_in_container([a, {"b": b}, {a}])} == {a.id, b.id}
    tf.dispose([a, b])


@pytest.mark.parametrize(("call", "message"), [
    (lambda: tf.tidy(3), "tidy: 3; expected a function, or a name and a function"),
    (lambda: tf.tidy(_coroutine), "tidy: the function is a coroutine; a scope cannot span an await"),
])
def test_what_tidy_cannot_run_is_refused(call, message):
    with pytest.raises(UsageError) as caught:
        call()
    assert str(caught.value) == message


async def _coroutine():
    pass


def test_a_thread_does_not_land_in_the_scope_of_another():
    made = []
    with tf.tidy():
        worker = threading.Thread(target=lambda: made.append(tf.scalar(1)))
        worker.start()
        worker.join()
    assert not made[0].is_disposed
    made[0].dispose()


def test_threads_leave_the_counters_right():
    """Four threads make, add and free tensors at once; the counters end where they began."""
    before = tf.memory().num_tensors, tf.memory().num_bytes
    shared, failures = tf.ones([3]), []

    def work():
        try:
            for i in range(200):
                with tf.tidy():
                    assert ((shared + i) * 2).array_sync() == [2 * (1 + i)] * 3
        except Exception as e:  # noqa: BLE001 - a thread's error is handed to the test
            failures.append(e)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    shared.dispose()
    assert failures == []
    assert (tf.memory().num_tensors, tf.memory().num_bytes) == before
