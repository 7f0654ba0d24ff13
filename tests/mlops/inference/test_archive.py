"""Archives from strangers"""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from mlops.inference.archive import MAX_FILES, ArchiveError, archive_extract

LIMIT = 1_000_000


def zipped(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path, *members):
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_it_works(tmp_path):
    files = {"model/config.json": "{}", "model/deep/file": "x"}
    folder = archive_extract(zipped(tmp_path / "a.zip", files), tmp_path / "out", limit=LIMIT)
    assert folder == tmp_path / "out" / "model"
    assert (folder / "deep" / "file").read_text() == "x"
    packed = tarred(tmp_path / "a.tgz", (tarfile.TarInfo("config.json"), b"{}"))
    assert (archive_extract(packed, tmp_path / "tar", limit=LIMIT) / "config.json").exists()


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "..\\evil", "C:evil"])
def test_a_path_that_leads_outside_is_refused(tmp_path, name):
    with pytest.raises(ArchiveError, match="leads outside the folder"):
        archive_extract(zipped(tmp_path / "a.zip", {name: "x"}), tmp_path / "out", limit=LIMIT)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_in_a_tar_file_are_refused(tmp_path, kind):
    link = tarfile.TarInfo("model.safetensors")
    link.type, link.linkname = kind, "/etc/passwd"
    with pytest.raises(ArchiveError, match="is a link; only files are taken"):
        archive_extract(tarred(tmp_path / "a.tar", (link, b"")), tmp_path / "out", limit=LIMIT)


def test_a_link_in_a_zip_file_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("model.safetensors")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(ArchiveError, match="is a link"):
        archive_extract(tmp_path / "a.zip", tmp_path / "out", limit=LIMIT)


def test_a_bomb_is_stopped_where_it_passes_the_limit(tmp_path):
    bomb = zipped(tmp_path / "a.zip", {"zeros": bytes(50 * LIMIT)})
    assert bomb.stat().st_size < LIMIT
    with pytest.raises(ArchiveError, match=r"unpacks to more than 1 MB \(at 'zeros'\)"):
        archive_extract(bomb, tmp_path / "out", limit=LIMIT)
    assert (tmp_path / "out" / "zeros").stat().st_size <= 2 * LIMIT


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({f"f{n}": "" for n in range(MAX_FILES + 1)}, "more than 500 files"),
        ({"a/" * 9 + "f": ""}, "nested more than 8 folders"),
        ({}, "the archive is empty"),
    ],
)
def test_too_much_of_anything_is_refused(tmp_path, files, message):
    with pytest.raises(ArchiveError, match=message):
        archive_extract(zipped(tmp_path / "a.zip", files), tmp_path / "out", limit=LIMIT)


def test_what_is_no_archive_or_a_torn_one_is_named(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(ArchiveError, match=r"not an archive; zip, tar"):
        archive_extract(tmp_path / "a.txt", tmp_path / "out", limit=LIMIT)
    whole = zipped(tmp_path / "a.zip", {"f": "x" * 1000}).read_bytes()
    (tmp_path / "b.zip").write_bytes(whole[:60] + bytes(40) + whole[100:])
    with pytest.raises(ArchiveError):
        archive_extract(tmp_path / "b.zip", tmp_path / "torn", limit=LIMIT)


def test_a_member_without_a_name_is_refused(tmp_path):
    with pytest.raises(ArchiveError, match="no name of a file"):
        archive_extract(zipped(tmp_path / "a.zip", {".": "x"}), tmp_path / "out", limit=LIMIT)


def test_damage_within_the_compressed_data_is_named(tmp_path):
    path = zipped(tmp_path / "a.zip", {"config.json": "emotion " * 1000})
    data = bytearray(path.read_bytes())
    data[45:55] = b"\xff" * 10
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match="cannot be read"):
        archive_extract(path, tmp_path / "out", limit=LIMIT)
