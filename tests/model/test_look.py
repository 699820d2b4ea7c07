"""What would run is told without making it, and is what does run."""

from __future__ import annotations

import pytest

from tfjslab import zoo
from tfjslab.backends import registry

NAMES = [b.name for b in registry.backends() if b.resolved == b.name]


@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("name", ["digits", "blazeface"])
def test_commands_are_those_of_the_plans(name, backend):
    if not registry.availability(backend).available:
        pytest.skip(registry.availability(backend).reason)
    with zoo.load(name, backend=backend) as model:
        x = model.sample()
        executor, program = model.compiled(x, look=True)
        made = {b: c.get("plans", 0) for b, c in registry.memory().items()}
        assert executor is not None
        assert backend == "cpu" or sum(made.values()) == 0, "nothing was made to be looked at"
        looked = [[*plan.info.commands] for plan in program.plans if plan]
        assert looked == [[*plan.info.commands] for plan in model.compiled(x)[1].plans if plan]
        assert looked[0]
