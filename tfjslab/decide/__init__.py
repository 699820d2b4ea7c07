"""What to decide by what was measured: a recommendation for a scenario, and the browsers in which a model runs."""

from tfjslab.base.lazy import lazily

__getattr__, __dir__ = lazily(__name__, {
    "tfjslab.decide.matrix": "Compatibility compatibility",
    "tfjslab.decide.decision": "recommend",
    "tfjslab.decide.recommendation": "Recommendation",
    "tfjslab.decide.rules": "LIMITS ORDER",
    "tfjslab.decide.scenario": "SCENARIOS Scenario",
    "tfjslab.targets.features": "FEATURES",
})
