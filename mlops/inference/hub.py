"""Models from the Hugging Face hub: one pinned commit, safetensors only, never any code."""

from __future__ import annotations

import re
from pathlib import Path

from mlops.inference.errors import ArtifactError

# Weights, configuration and tokeniser; no Python, no pickle.
_WANTED = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model"]
_COMMIT = re.compile(r"[0-9a-f]{40}")


class HubError(ArtifactError):
    """The hub does not give what was asked for; the message says what would be right."""

    code = "hub_error"


def revision_check(repository: str, revision: str) -> None:
    """Refuse what is no commit: a branch or a tag can move.

    Raises:
        HubError: saying what would be right.
    """
    if not _COMMIT.fullmatch(revision):
        raise HubError(
            f"{repository}: revision {revision!r} can move; name a commit (40 hexadecimal digits)"
        )


def hub_folder(repository: str, revision: str, *, cache: Path | None = None) -> Path:
    """The local folder of *repository* at the commit *revision*, downloaded if need be.

    *cache* is the hub library's own cache unless given; what lies there needs no network.

    Raises:
        HubError: for a revision that is no commit, an unknown, gated or unreachable repository.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    revision_check(repository, revision)
    try:
        folder = snapshot_download(
            repository, revision=revision, allow_patterns=_WANTED, cache_dir=cache
        )
    except GatedRepoError as error:
        message = "is gated: accept its terms on the hub and set HF_TOKEN"
        raise HubError(f"{repository} {message}") from error
    except RepositoryNotFoundError as error:
        raise HubError(f"{repository}: no such repository, or HF_TOKEN may not see it") from error
    except RevisionNotFoundError as error:
        raise HubError(f"{repository}: no commit {revision}") from error
    except HFValidationError as error:
        raise HubError(f"{repository!r} is no repository name: {error}") from error
    except (LocalEntryNotFoundError, OSError) as error:
        raise HubError(
            f"{repository}@{revision[:12]}: the hub cannot be reached and nothing is cached; "
            "download the folder elsewhere and register it by its path"
        ) from error
    return Path(folder)
