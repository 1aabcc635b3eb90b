"""Which file system a folder lies on."""

from pathlib import Path

import pytest

from nntui.runlog.mounts import file_system

MOUNTS = """\
/dev/vda1 / ext4 rw 0 0
server:/export /data nfs4 rw 0 0
/dev/vdb1 /data/local xfs rw 0 0
broken
/dev/vdc1 /with\\040blank btrfs rw 0 0
overlay / overlay rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me", "overlay"),
        ("/data", "nfs4"),
        ("/data/runs/a", "nfs4"),
        ("/database", "overlay"),
        ("/data/local/runs", "xfs"),
        ("/with blank/runs", "btrfs"),
    ],
)
def test_the_longest_mount_point_around_a_path_tells_its_kind(tmp_path: Path, path: str, kind: str) -> None:
    table = tmp_path / "mounts"
    table.write_text(MOUNTS)
    assert file_system(path, table) == kind


def test_where_nothing_tells_the_kind_is_unknown(tmp_path: Path) -> None:
    assert file_system(tmp_path, tmp_path / "missing") == ""
    (tmp_path / "empty").write_text("")
    assert file_system(tmp_path, tmp_path / "empty") == ""
    (tmp_path / "bytes").write_bytes(b"\xff\xfe / \xff 0\n")
    assert file_system(tmp_path, tmp_path / "bytes") == "�"
