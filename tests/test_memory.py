"""Free memory as /proc and /sys say it: files laid out as Linux does, in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from ISR import memory

MIB = 2**20
V1_UNLIMITED = 9223372036854771712  # what the kernel shows for no limit: the greatest long, in whole pages


def lay(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def meminfo(mib: int) -> dict[str, str]:
    return {"proc/meminfo": f"MemTotal:       99999999 kB\nMemFree: 1 kB\nMemAvailable:   {mib * 1024} kB\n"}


def v2(folder: str, limit: int | str, used: int, cache: int) -> dict[str, str]:
    at = f"sys/fs/cgroup/{folder}"
    return {
        f"{at}/memory.max": f"{limit}\n",
        f"{at}/memory.current": f"{used}\n",
        f"{at}/memory.stat": f"anon 7\ninactive_file {cache}\nactive_file 9\n",
    }


def v1(folder: str, limit: int, used: int, cache: int) -> dict[str, str]:
    at = f"sys/fs/cgroup/memory/{folder}"
    return {
        f"{at}/memory.limit_in_bytes": f"{limit}\n",
        f"{at}/memory.usage_in_bytes": f"{used}\n",
        f"{at}/memory.stat": f"inactive_file 3\ntotal_inactive_file {cache}\n",
    }


def test_this_machine_says_something_sensible() -> None:
    free = memory.free()
    if not Path("/proc/meminfo").exists():
        assert free is None
        return
    assert free is not None and MIB < free < 2**50


def test_a_system_that_says_nothing_is_none(tmp_path: Path) -> None:
    assert memory.free(tmp_path) is None
    assert memory.free(lay(tmp_path, {"proc/meminfo": "MemTotal: 5 kB\n"})) is None


def test_without_groups_it_is_what_the_system_has(tmp_path: Path) -> None:
    assert memory.free(lay(tmp_path, meminfo(700))) == 700 * MIB


def test_a_group_of_version_2_bounds_it_and_its_cache_is_free(tmp_path: Path) -> None:
    files = meminfo(700) | {"proc/self/cgroup": "0::/a/b\n"} | v2("a/b", 100 * MIB, 60 * MIB, 20 * MIB)
    assert memory.free(lay(tmp_path, files)) == 60 * MIB


def test_a_parent_s_limit_counts_where_the_group_has_none(tmp_path: Path) -> None:
    files = (
        meminfo(700)
        | {"proc/self/cgroup": "0::/a/b\n"}
        | v2("a/b", "max", 60 * MIB, 0)
        | v2("a", 90 * MIB, 70 * MIB, 0)
    )
    assert memory.free(lay(tmp_path, files)) == 20 * MIB


def test_in_a_container_the_group_s_own_folder_is_the_top(tmp_path: Path) -> None:
    files = meminfo(700) | {"proc/self/cgroup": "5:cpu,memory:/docker/0123\n"} | v1("", 80 * MIB, 50 * MIB, 10 * MIB)
    assert memory.free(lay(tmp_path, files)) == 40 * MIB


@pytest.mark.parametrize(("limit", "free"), [(V1_UNLIMITED, 700), (50, 0)])
def test_no_limit_of_version_1_is_no_bound_and_a_full_group_is_zero(tmp_path: Path, limit: int, free: int) -> None:
    files = meminfo(700) | {"proc/self/cgroup": "4:memory:/x\n1:name=systemd:/\n0::/\n"} | v1("x", limit, 60 * MIB, 0)
    assert memory.free(lay(tmp_path, files)) == free * MIB


def test_files_that_make_no_sense_are_passed_over(tmp_path: Path) -> None:
    files = meminfo(700) | {
        "proc/self/cgroup": "0::/a\n",
        "sys/fs/cgroup/a/memory.max": "5",
        "sys/fs/cgroup/a/memory.stat": "",
    }
    assert memory.free(lay(tmp_path, files)) == 700 * MIB
