"""``--chart FILE``: a chart of a result, drawn when all else is done."""

from __future__ import annotations

from typing import Any

from tfjslab.base.errors import UsageError
from tfjslab.base.files import replacing


def save_chart(name: str, data: Any, target: str) -> None:
    """Draw ``tf.vis.charts.NAME`` of ``data`` to a file. UsageError for whatever goes wrong: the results are there."""
    try:
        from tfjslab.vis import charts  # noqa: PLC0415 - matplotlib is loaded for those who want a chart

        with replacing(target) as work:
            getattr(charts, name)(data).figure.savefig(work)
    except Exception as e:  # noqa: BLE001 - see above
        raise UsageError(f"--chart {target}: cannot be written ({e})") from None
