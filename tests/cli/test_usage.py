from __future__ import annotations

import pytest

from sidecar.cli import main, usage


def said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    return capsys.readouterr().err


def test_a_file_without_its_option_is_told_the_whole_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(["run", "sidecar.toml"], capsys) == (
        "usage: finhub-sidecar run [-h] [--config FILE]\n"
        "finhub-sidecar run: error: unrecognized arguments: sidecar.toml\n"
        "  → A file is named with --config: finhub-sidecar run --config sidecar.toml\n"
    )


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["strat"], "there is no command 'strat'\n  → Did you mean status?\n"),
        (["chekc"], "there is no command 'chekc'\n  → Did you mean check?\n"),
        (["fly"], "there is no command 'fly'\n  → `finhub-sidecar --help` lists the commands.\n"),
        (
            [],
            "required: COMMAND\n  → `finhub-sidecar --help` lists the commands. New here? Try `finhub-sidecar demo`.\n",
        ),
        (["check", "--confg", "a.toml"], "unrecognized arguments: --confg a.toml\n  → Did you mean --config?\n"),
        (["demo", "--chekc"], "unrecognized arguments: --chekc\n  → Did you mean --check?\n"),
        (["demo", "a.toml"], "unrecognized arguments: a.toml\n"),
        (["run", "--zzz"], "unrecognized arguments: --zzz\n"),
        (["run", "--config"], "argument --config: expected one argument\n"),
    ],
)
def test_what_was_probably_meant_is_said_where_it_can_be_guessed(
    arguments: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(arguments, capsys).endswith(meant)


def test_a_choice_that_is_no_command_keeps_argparses_words(capsys: pytest.CaptureFixture[str]) -> None:
    told = said(["emulator", "--environment", "moon"], capsys)
    assert "invalid choice: 'moon'" in told
    assert "→" not in told


def test_an_option_with_its_value_is_told_by_its_name() -> None:
    told = usage.told("unrecognized arguments: --confg=x", ["--config"], "p")
    assert told == "p: error: unrecognized arguments: --confg=x\n  → Did you mean --config?\n"
