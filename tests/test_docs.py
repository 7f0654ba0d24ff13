"""The documentation names everything that exists, and nothing that does not"""

from __future__ import annotations

import re
from pathlib import Path

from django.conf import settings
from django.core.management import get_commands

ROOT: Path = settings.BASE_DIR
APPS = {"accounts", "mlops", "emotions"}
READERS = (
    r'env\.(?:text|secret|flag|number|seconds|choice|names|fraction|mapping)\(\s*"([A-Z_0-9]+)"'
)


def headings(name: str) -> set[str]:
    text = "\n".join((ROOT / "docs" / part).read_text() for part in name.split())
    return set(re.findall(r"^#+ `(\w+)`$", text, re.MULTILINE))


def test_every_setting_has_its_heading():
    read = set(re.findall(READERS, (ROOT / "config" / "settings.py").read_text()))
    assert read == headings("settings.md") - {"PORT"}


def test_every_command_has_its_heading():
    ours = {name for name, app in get_commands().items() if app in APPS}
    assert ours == headings("commands.md")


def test_every_link_leads_somewhere():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text())
        if not link.startswith("http") and not (page.parent / link).exists()
    ]
    assert broken == []


def test_the_readme_opens_with_the_two_commands():
    text = (ROOT / "README.md").read_text()
    assert text.index("make serve") < text.index("make test") < 600


def test_the_openapi_document_names_every_endpoint():
    document = (ROOT / "docs" / "openapi.yaml").read_text()
    for endpoint in (
        "/api/v1/emotions/analyze",
        "/api/v1/emotions/labels",
        "/api/v1/models/current",
    ):
        assert f"  {endpoint}:" in document
