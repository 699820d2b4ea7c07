"""Who is right where ours and the peer's outputs are not the same: TensorFlow.js's own ``cpu`` backend is asked.

It is plain JavaScript and shares no code with its WebAssembly kernels, nor with anything of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tfjslab.base.dtypes import Array
from tfjslab.bench.agreement import ARGMAX, WRONG, Outputs, agreement
from tfjslab.bench.interleaved import StartPeer
from tfjslab.bench.peers import tfjs
from tfjslab.bench.peers.process import PeerError

REFEREE = "cpu"


def judge(
    ours: Outputs, theirs: Outputs, start: StartPeer, model: Path, feeds: Mapping[str, Array], folder: Path,
) -> str:
    """A sentence about whose outputs the referee has; it runs the model once."""
    who = f"the {REFEREE} backend of TensorFlow.js"
    try:
        with start(REFEREE, 1) as peer:
            tfjs.load(peer, model, feeds, folder)
            right = tfjs.outputs(peer, folder)
    except PeerError as e:
        return f"{who} could not be asked ({e})"
    doubtful = {WRONG, ARGMAX}
    with_us, with_them = (agreement(side, right).kind not in doubtful for side in (ours, theirs))
    if with_us == with_them:
        return f"{who} agrees with {'both' if with_us else 'neither'}"
    return f"{who} agrees with {'ours' if with_us else 'theirs'}"
