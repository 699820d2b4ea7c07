"""``tf.stream``: a model on a real-time stream of frames, with what each frame's latency consists of.

``frame_clock`` has the rules, ``sources`` and ``video`` say where frames come from, ``supply``
brings them on the clock.
"""

from tfjslab.streaming.stream import Stream, StreamFrame, stream

__all__ = ["Stream", "StreamFrame", "stream"]
