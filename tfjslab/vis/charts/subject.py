"""What charts of a profile share: taking either kind of profile, and naming the model, backend and threads."""

from __future__ import annotations

from tfjslab.base.errors import InputError
from tfjslab.engine.measure import ProfileInfo
from tfjslab.records.profile import Profile
from tfjslab.vis.style import label

AnyProfile = Profile | ProfileInfo


def as_profile(given: AnyProfile) -> Profile:
    """A profile of a model or of ``tf.profile``; InputError for anything else."""
    if isinstance(given, Profile):
        return given
    if isinstance(given, ProfileInfo):
        return given.profile
    raise InputError(f"got {type(given).__name__}; expected a profile, from tf.profile_model or tf.profile")


def title_of(profile: Profile, what: str, detail: str) -> str:
    """``what``, and below it model, backend, threads and the host's share where there is one, then ``detail``."""
    where = profile.environment
    parts = [label(profile.model)] if profile.model else []
    if where is not None:
        parts.append(f"{where.where}, {where.threads} threads" if where.threads > 1 else where.where)
    told = ", ".join(filter(None, [detail, profile.host.text]))
    return f"{what}\n{': '.join(filter(None, [' on '.join(parts), told]))}"
