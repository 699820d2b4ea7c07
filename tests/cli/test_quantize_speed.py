"""The speed that `quantize --report` tells, where Ctrl-C ends the measuring."""

import json

import pytest

from tfjslab.bench.bench import bench_models
from tfjslab.cli import quantize_speed
from tfjslab.cli.app import main
from tfjslab.cli.command import INTERRUPTED


@pytest.mark.parametrize("begun", [1, 2])
def test_ctrl_c_keeps_the_report_and_is_the_exit_code(monkeypatch, capsys, begun):
    def ended(sources, backends, *, settings):
        def stop(what, done, _total):
            if done == 1 or (begun == 1 and sources[1][0] in what):
                raise KeyboardInterrupt

        return bench_models(sources[:begun], backends, settings=quantize_speed.replace(settings, progress=stop))

    monkeypatch.setattr(quantize_speed, "bench_models", ended)
    assert main(["quantize", "digits", "--kind", "uint8", "--report", "-b", "cpu", "--json", "-"]) == INTERRUPTED
    told = json.loads(capsys.readouterr().out)
    assert told["speed"]["reason"] == "interrupted"
    assert told["weight_bytes_after"] < told["weight_bytes_before"]
