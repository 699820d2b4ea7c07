"""Writes which browsers have what, and how many people use them: tfjslab/targets/browsers.json.

    npm install --ignore-scripts @mdn/browser-compat-data caniuse-lite
    python tools/refresh_browsers.py FOLDER      # the folder with node_modules; by default it makes one for the time

What browsers have is from browser-compat-data (CC0-1.0), by the paths in ``tfjslab/targets/features.py``. How many
people use a version is from the data of caniuse.com (CC-BY-4.0, the file names it), in percent of page views.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tfjslab.targets.features import FEATURES

TARGET = Path(__file__).parents[1] / "tfjslab" / "targets" / "browsers.json"
COMPAT, USAGE = "@mdn/browser-compat-data", "caniuse-lite"
ATTRIBUTION = {
    COMPAT: "MDN browser-compat-data, contributors of MDN",
    USAGE: "caniuse.com, Alexis Deveria and contributors; shares of use by StatCounter Global Stats",
}
# The names of caniuse.com for the browsers of browser-compat-data.
USAGE_NAMES = {
    "chrome": "chrome", "and_chr": "chrome_android", "edge": "edge", "firefox": "firefox", "and_ff": "firefox_android",
    "safari": "safari", "ios_saf": "safari_ios", "opera": "opera", "op_mob": "opera_android",
    "samsung": "samsunginternet_android", "android": "webview_android", "ie": "ie",
}
_TAG = re.compile(r"<[^>]*>")
LEAST_SHARE = 0.005  # percent; less is noise of the count


def installed(folder: Path) -> None:
    """Let npm put the packages there; nothing of them is run."""
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", COMPAT, USAGE]
    subprocess.run(command, cwd=folder, check=True)  # noqa: S603 - names are ours


def package(folder: Path, name: str) -> dict[str, Any]:
    """What a package says of itself."""
    found = json.loads((folder / "node_modules" / name / "package.json").read_text(encoding="utf-8"))
    return {"package": name, "version": found["version"], "licence": found["license"],
            "attribution": ATTRIBUTION[name]}


def statements(compat: dict[str, Any], path: str, browser: str) -> list[dict[str, Any]]:
    """Since when a browser has it (until when, on a part of systems), as the data say it; none behind a flag."""
    node: Any = compat
    for part in path.split("."):
        node = node[part]
    told = node["__compat"]["support"].get(browser, [])
    rows = []
    for s in told if isinstance(told, list) else [told]:
        since, until = s.get("version_added"), s.get("version_removed")
        if not isinstance(since, str) or since == "preview" or "flags" in s or "prefix" in s:
            continue
        notes = s.get("notes", "")
        rows.append({
            "since": since, "until": until if isinstance(until, str) else None,
            "partial": bool(s.get("partial_implementation")),
            "note": _TAG.sub("", " ".join(notes if isinstance(notes, list) else [notes])),
        })
    return rows


def usage(folder: Path) -> dict[str, Any]:
    """Shares by browser and version; the package is JavaScript, so Node reads it."""
    script = (f"const a = require({json.dumps(USAGE)}).agents; console.log(JSON.stringify(Object.fromEntries("
              "Object.entries(a).map(([k, v]) => [k, {name: v.browser, usage: v.usage_global}]))))")
    shown = subprocess.run(["node", "-e", script], cwd=folder, check=True, capture_output=True, text=True)  # noqa: S603, S607 - our own script
    found: dict[str, Any] = json.loads(shown.stdout)
    return found


def facts(folder: Path) -> dict[str, Any]:
    """All that the file holds."""
    compat = json.loads((folder / "node_modules" / COMPAT / "data.json").read_text(encoding="utf-8"))
    agents = usage(folder)
    rows = [
        {"browser": browser, "feature": f.name, "source": f"{COMPAT}: {path}", **s}
        for browser in sorted(USAGE_NAMES.values()) for f in FEATURES.values() for path in f.paths
        for s in statements(compat, path, browser)
    ]
    audience = [
        {"browser": USAGE_NAMES.get(agent, agent), "version": version, "share": round(share, 4),
         "source": f"{USAGE}: agents.{agent}"}
        for agent, a in sorted(agents.items()) for version, share in a["usage"].items()
        if share and share >= LEAST_SHARE
    ]
    names = {b: compat["browsers"][b]["name"] for b in sorted(USAGE_NAMES.values())}
    others = {k: a["name"] for k, a in sorted(agents.items()) if k not in USAGE_NAMES}
    return {
        "made_on": dt.datetime.now(dt.UTC).date().isoformat(),
        "sources": [{**package(folder, COMPAT), "as_of": compat["__meta"]["timestamp"][:10]},
                    {**package(folder, USAGE), "as_of": None}],
        "names": {**names, **others}, "support": rows, "audience": audience,
    }


def written(found: dict[str, Any]) -> str:
    """JSON with a row a line, so that a refresh shows as the rows that changed."""
    parts = []
    for key, value in found.items():
        rows = isinstance(value, list)
        text = "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in value) + "\n]" if rows else (
            json.dumps(value, ensure_ascii=False))
        parts.append(f"{json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main() -> int:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.folder or Path(scratch)
        if args.folder is None:
            installed(folder)
        found = facts(folder)
    TARGET.write_text(written(found), encoding="utf-8")
    sys.stdout.write(f"{TARGET.name}: {len(found['support'])} rows of support, {len(found['audience'])} of use\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
