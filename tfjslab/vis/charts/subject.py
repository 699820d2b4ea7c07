"""What charts of a profile share: taking any kind of profile, and naming the model, backend and threads."""

from __future__ import annotations

from typing import Any

from tfjslab.engine.measure import ProfileInfo
from tfjslab.records.profile import Profile
from tfjslab.vis.given import refusal
from tfjslab.vis.style import label

AnyProfile = Profile | ProfileInfo
PROFILE = "a profile, from tf.profile_model or tf.profile"


def is_profile(given: Any) -> bool:
    """Whether it is a profile, or has one as what ``tf.profile`` and ``%tfprofile`` give."""
    return isinstance(given, Profile) or isinstance(getattr(given, "profile", None), Profile)


def as_profile(given: Any) -> Profile:
    """The profile that ``is_profile`` speaks of; UsageError for anything else."""
    if not is_profile(given):
        raise refusal(given, PROFILE)
    found: Profile = given if isinstance(given, Profile) else given.profile
    return found


def title_of(profile: Profile, what: str, detail: str) -> str:
    """``what``, and below it model, backend, threads and the host's share where there is one, then ``detail``."""
    where = profile.environment
    parts = [label(profile.model)] if profile.model else []
    if where is not None:
        parts.append(f"{where.where}, {where.threads} threads" if where.threads > 1 else where.where)
    disturbed = profile.disturbance.short if profile.disturbance.mostly else ""
    told = ", ".join(filter(None, [detail, profile.host.text, disturbed]))
    return f"{what}\n{': '.join(filter(None, [' on '.join(parts), told]))}"
