"""The pages of the notebooks: each stands alone, asks nobody for anything, and leads to all others."""

import re
from pathlib import Path

import pytest

from notebooks.execute import sources
from notebooks.publish import publish

FETCHED = re.compile(r'<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)="(?!data:)', re.IGNORECASE)
LOCAL_LINK = re.compile(r'href="([^":#]+)"')


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    written = publish(tmp_path_factory.mktemp("site"))
    return {path.name: path.read_text(encoding="utf-8") for path in written}


def test_there_is_a_page_for_each_notebook_and_the_start_page_is_the_index(pages: dict[str, str]) -> None:
    assert len(pages) == len(sources())
    assert next(iter(pages)) == "index.html"


def test_no_page_fetches_anything(pages: dict[str, str]) -> None:
    assert [name for name, page in pages.items() if FETCHED.search(page) or "@import" in page or "url(" in page] == []


def test_every_link_between_pages_leads_somewhere(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        assert set(LOCAL_LINK.findall(page)) <= set(pages), name


def test_every_page_fits_phones_has_a_dark_mode_and_describes_its_charts(pages: dict[str, str]) -> None:
    for page in pages.values():
        assert "width=device-width" in page
        assert "prefers-color-scheme: dark" in page
        assert re.findall(r'<img alt="(?!\w.{20,}")', page) == []


def test_a_page_knows_its_own_place(pages: dict[str, str]) -> None:
    for page in pages.values():
        assert page.count('aria-current="page"') == 1


def test_pages_can_be_written_anywhere(tmp_path: Path) -> None:
    assert {path.parent for path in publish(tmp_path / "a" / "b")} == {tmp_path / "a" / "b"}
