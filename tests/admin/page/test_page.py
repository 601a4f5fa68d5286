from __future__ import annotations

import base64
import hashlib
import re

from sidecar.admin import page


async def made() -> tuple[str, dict[str, str]]:
    answer = await page.answer()
    assert answer.status == 200
    return answer.body.decode(), dict(answer.fields)


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


async def test_the_page_is_one_file_whose_style_and_script_are_the_only_ones_that_may_run() -> None:
    text, fields = await made()
    (style,) = re.findall(r"<style>(.+)</style>", text, re.DOTALL)
    (script,) = re.findall(r"<script>(.+)</script>", text, re.DOTALL)
    policy = dict(each.split(" ", 1) for each in fields["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": digest(script),
        "style-src": digest(style),
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }


async def test_style_and_script_stand_there_once_and_whole() -> None:
    text, _ = await made()
    for mark in ("<style>", "</style>", "<script>", "</script>"):
        assert text.count(mark) == 1


async def test_nothing_outside_is_named_and_no_markup_is_made_from_text() -> None:
    text, _ = await made()
    outside = [url for url in re.findall(r"https?://[^\s'\"`<]+", text) if url != "http://www.w3.org/2000/svg"]
    assert outside == []
    for danger in (
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        "eval(",
        "Function(",
        " style=",
        "onclick",
    ):
        assert danger not in text


async def test_a_browser_keeps_it_to_itself() -> None:
    _, fields = await made()
    assert fields["Cache-Control"] == "no-store"
    assert fields["Content-Type"] == "text/html; charset=utf-8"
    assert fields["X-Content-Type-Options"] == "nosniff"
    assert fields["Referrer-Policy"] == "no-referrer"
    assert {name for name in fields if name.startswith("Cross-Origin-")} == {
        "Cross-Origin-Opener-Policy",
        "Cross-Origin-Embedder-Policy",
        "Cross-Origin-Resource-Policy",
    }


async def test_it_is_read_once() -> None:
    assert await page.answer() is await page.answer()


async def test_without_scripts_it_says_where_the_same_is_told() -> None:
    text, _ = await made()
    (said,) = re.findall(r"<noscript>(.+)</noscript>", text, re.DOTALL)
    assert ("/status" in said, "/history" in said) == (True, True)
