from pathlib import Path

import pytest

from titlebout.core.errors import DeploymentError
from titlebout.serving import token_file
from titlebout.serving.token_file import TokenFile

OLD, NEW = "the-old-token-of-clients", "the-new-token-of-clients"


@pytest.fixture(autouse=True)
def _looks_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_file, "LOOK_SECONDS", -1.0)


def written(path: Path, *tokens: str, mode: int = 0o600) -> Path:
    new = path.with_suffix(".new")
    new.write_text("".join(f"{token}\n" for token in tokens))
    new.chmod(mode)
    new.replace(path)
    return path


def test_tokens_change_over_without_a_moment_in_which_neither_is_good(tmp_path: Path):
    file = written(tmp_path / "tokens", OLD)
    tokens = TokenFile(file)
    assert tokens.has(OLD.encode())
    written(file, NEW, OLD)
    assert tokens.has(OLD.encode())
    assert tokens.has(NEW.encode())
    written(file, NEW)
    assert tokens.has(NEW.encode())
    assert not tokens.has(OLD.encode())


def test_without_a_file_there_is_no_token(tmp_path: Path):
    tokens = TokenFile(tmp_path / "tokens")
    assert tokens.is_empty
    assert not tokens.has(b"")


def test_a_file_that_vanishes_takes_no_token_away(tmp_path: Path):
    """A server that needs tokens must not become open because somebody cleaned up."""
    file = written(tmp_path / "tokens", OLD)
    tokens = TokenFile(file)
    file.unlink()
    assert not tokens.is_empty
    assert tokens.has(OLD.encode())


@pytest.mark.parametrize("content", ["short", "with a blank in the middle", "nön-ascii-token-of-clients"])
def test_what_is_no_token_is_refused_at_the_start_and_changes_nothing_later(tmp_path: Path, content: str, caplog):
    file = written(tmp_path / "tokens", content)
    with pytest.raises(DeploymentError, match="16 to 512"):
        TokenFile(file)
    written(file, OLD)
    tokens = TokenFile(file)
    written(file, content)
    assert tokens.has(OLD.encode())
    assert "stay as they were" in caplog.text
    assert content not in caplog.text


def test_a_file_in_another_encoding_is_refused_at_the_start_and_changes_nothing_later(tmp_path: Path, caplog):
    latin = "# clé des clients\n".encode("latin-1")
    file = written(tmp_path / "tokens", OLD)
    tokens = TokenFile(file)
    file.write_bytes(latin)
    assert tokens.has(OLD.encode())
    assert "stay as they were" in caplog.text
    with pytest.raises(DeploymentError, match="UTF-8"):
        TokenFile(file)


def test_a_file_that_others_may_read_is_refused(tmp_path: Path):
    with pytest.raises(DeploymentError, match="chmod 600"):
        TokenFile(written(tmp_path / "tokens", OLD, mode=0o644))


def test_written_tokens_are_readable_by_their_owner_only_and_stand_after_a_restart(tmp_path: Path):
    file = tmp_path / "tokens"
    TokenFile(file).replace([OLD, NEW])
    assert file.stat().st_mode & 0o777 == 0o600
    assert TokenFile(file).has(NEW.encode())


def test_tokens_of_the_environment_are_good_beside_those_of_the_file(tmp_path: Path):
    tokens = TokenFile(written(tmp_path / "tokens", NEW), fixed=[OLD])
    assert tokens.has(OLD.encode())
    assert tokens.has(NEW.encode())


def test_more_than_ten_tokens_are_refused(tmp_path: Path):
    with pytest.raises(DeploymentError, match="10 at most"):
        TokenFile(tmp_path / "tokens").replace([f"a-token-of-client-{number}" for number in range(11)])
