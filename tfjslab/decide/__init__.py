"""What to decide by what was measured: a recommendation for a scenario, and the browsers in which a model runs."""

from tfjslab.base.lazy import lazily

__getattr__, __dir__ = lazily(__name__, {
    "tfjslab.decide.compatibility": "Compatibility compatibility",
    "tfjslab.decide.recommend": "recommend",
    "tfjslab.decide.recommendation": "Recommendation",
    "tfjslab.decide.scenario": "SCENARIOS Scenario",
})
