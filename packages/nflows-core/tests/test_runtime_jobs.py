from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nflows_core.runtime.files import is_junk
from nflows_core.runtime.jobs import Job, plan_batch

PICTURES = {".png", ".jpg"}
posix = pytest.mark.skipif(os.name == "nt", reason="Windows makes links and such names for administrators only")


def make(folder: Path, *names: str) -> Path:
    """Empty files below a folder."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def targets(folder: Path, output: Path, **options: str) -> list[str]:
    """The results of a folder's files, below the output."""
    return [job.target.relative_to(output).as_posix() for job in plan_batch([folder], output, PICTURES, **options).jobs]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out"


# What is found


def test_folders_keep_their_structure(tmp_path: Path, output: Path) -> None:
    make(tmp_path / "in", "b.png", "a.JPG", "c.txt", "z/é/ü.png", "z/a.png")
    batch = plan_batch([tmp_path / "in"], output, PICTURES)
    names = ["a.JPG", "b.png", "z/a.png", "z/é/ü.png"]
    assert list(batch.jobs) == [Job(tmp_path / "in" / name, output / name) for name in names]
    assert batch.folder == output
    assert not output.exists()


def test_junk_is_skipped(tmp_path: Path, output: Path) -> None:
    junk = ("._a.png", ".nflows-0.tmp", ".hidden/a.png", "__MACOSX/a.png", "@eaDir/a.png", "Thumbs.db", "x/.DS_Store")
    make(tmp_path / "in", "a.png", *junk)
    assert targets(tmp_path / "in", output) == ["a.png"]


def test_what_a_shell_finds_is_skipped_if_it_is_junk(tmp_path: Path, output: Path) -> None:
    make(tmp_path, "a.png", "desktop.ini")
    batch = plan_batch([tmp_path / "a.png", tmp_path / "desktop.ini"], output, PICTURES)
    assert [job.source.name for job in batch.jobs] == ["a.png"]


def test_a_file_of_the_command_line_may_have_any_suffix(tmp_path: Path, output: Path) -> None:
    make(tmp_path, "scan", "b.png")
    batch = plan_batch([tmp_path / "scan", tmp_path / "b.png"], output, PICTURES)
    assert [job.target for job in batch.jobs] == [output / "scan", output / "b.png"]


def test_an_input_given_twice_runs_once(tmp_path: Path, output: Path) -> None:
    make(tmp_path, "a.png")
    again = tmp_path / "sub" / ".." / "a.png"
    (tmp_path / "sub").mkdir()
    batch = plan_batch([tmp_path, tmp_path / "a.png", again], output, PICTURES)
    assert (list(batch.jobs), batch.clashes) == ([Job(tmp_path / "a.png", output / "a.png")], {})


def test_several_folders_share_the_output(tmp_path: Path, output: Path) -> None:
    make(tmp_path, "x/a.png", "y/z/b.png")
    batch = plan_batch([tmp_path / "x", tmp_path / "y"], output, PICTURES)
    assert [job.target for job in batch.jobs] == [output / "a.png", output / "z" / "b.png"]


def test_a_folder_that_is_one_input(tmp_path: Path, output: Path) -> None:
    make(tmp_path / "in", "S2A.SAFE/band.png", "LC08_T1.v2/MTL.txt", "x/a.png")
    batch = plan_batch(
        [tmp_path / "in"],
        output,
        {".png", ".safe"},
        target_suffix=".tif",
        takes_folder=lambda folder: folder.name.startswith(("S2", "LC")),
    )
    assert [job.target.relative_to(output).as_posix() for job in batch.jobs] == [
        "LC08_T1.v2.tif",
        "S2A.tif",
        "x/a.tif",
    ]


def test_the_present_folder_can_be_an_input(tmp_path: Path, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "scene", "a.png")
    monkeypatch.chdir(tmp_path / "scene")
    assert list(plan_batch([Path()], output, PICTURES).jobs) == [Job(Path("a.png"), output / "a.png")]
    whole = plan_batch([Path()], output, PICTURES, target_suffix=".tif", takes_folder=lambda folder: True)
    assert list(whole.jobs) == [Job(Path(), output / "scene.tif")]


@pytest.mark.parametrize(
    ("name", "target"), [("a.b.jpg", "a.b.png"), ("a.PNG", "a.png"), ("a", "a.png"), ("a.v2", "a.v2.png")]
)
def test_only_a_known_suffix_is_replaced(tmp_path: Path, output: Path, name: str, target: str) -> None:
    make(tmp_path, name)
    assert plan_batch([tmp_path / name], output, PICTURES, target_suffix=".png").jobs[0].target == output / target


# Links


@posix
def test_links_are_followed_but_not_around(tmp_path: Path, output: Path) -> None:
    folder = make(tmp_path / "in", "a/x.png", "b/y.png")
    (folder / "a" / "above").symlink_to(folder)
    (folder / "a" / "itself").symlink_to("itself")
    (folder / "a" / "next").symlink_to(folder / "b")
    (folder / "b" / "back").symlink_to(folder / "a")
    assert targets(folder, output) == ["a/x.png", "a/next/y.png", "b/y.png", "b/back/x.png"]


@posix
def test_a_dead_link_is_a_job_that_will_fail(tmp_path: Path, output: Path) -> None:
    make(tmp_path / "in")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").symlink_to("nowhere")
    assert targets(tmp_path / "in", output) == ["a.png"]


# Where results go


def test_one_result_may_have_a_name(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    batch = plan_batch([tmp_path / "a.jpg"], tmp_path / "big.PNG", PICTURES)
    assert list(batch.jobs) == [Job(tmp_path / "a.jpg", tmp_path / "big.PNG")]
    assert batch.folder is None


@pytest.mark.parametrize("name", ["results", "results.v2", "folder.png"])
def test_what_is_no_name_of_a_result_is_a_folder(tmp_path: Path, name: str) -> None:
    make(tmp_path, "a.jpg", "folder.png/b")
    batch = plan_batch([tmp_path / "a.jpg"], tmp_path / name, PICTURES)
    assert batch.jobs[0].target == tmp_path / name / "a.jpg"
    assert batch.folder == tmp_path / name


def test_several_results_need_a_folder(tmp_path: Path) -> None:
    make(tmp_path, "in/a.png", "out.png")
    with pytest.raises(NotADirectoryError, match=r"is a file; give a folder.*out\.png"):
        plan_batch([tmp_path / "in"], tmp_path / "out.png", PICTURES)


def test_the_output_is_never_read(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "out/old.png", "x/b.png")
    assert targets(tmp_path, tmp_path / "out") == ["a.png", "x/b.png"]
    found_by_a_shell = [tmp_path / "a.png", tmp_path / "out", tmp_path / "x"]
    assert len(plan_batch(found_by_a_shell, tmp_path / "out", PICTURES).jobs) == 2
    with pytest.raises(ValueError, match=r"`output`: .*out is the input, too; choose another folder"):
        plan_batch([tmp_path / "out"], tmp_path / "out", PICTURES)


def test_a_result_that_is_a_folder_is_below_the_output(tmp_path: Path, output: Path) -> None:
    make(tmp_path, "S2A.SAFE/band.png")
    for _ in range(2):
        batch = plan_batch(
            [tmp_path / "S2A.SAFE"], output, {".safe"}, target_suffix="", takes_folder=lambda folder: True
        )
        assert batch.jobs[0].target == output / "S2A"
        assert batch.folder == output
        make(batch.jobs[0].target, "map.tif")


def test_the_output_is_no_input_that_is_a_folder(tmp_path: Path, output: Path) -> None:
    make(tmp_path, "a/x", "out/x")
    jobs = plan_batch([tmp_path], output, set(), takes_folder=lambda folder: folder != tmp_path).jobs
    assert [job.source.name for job in jobs] == ["a"]


# What is refused


@pytest.mark.parametrize("names", [("x/a.png", "y/a.png"), ("x/a.png", "x/a.jpg")])
def test_results_that_would_replace_each_other_are_no_jobs_to_run(
    tmp_path: Path, output: Path, names: tuple[str, ...]
) -> None:
    make(tmp_path, *names, "z/b.png")
    batch = plan_batch(sorted(tmp_path.iterdir()), output, PICTURES, target_suffix=".png")
    first, second, alone = batch.jobs
    other = "and so would {}; rename one, or give them folders of their own"
    assert batch.clashes == {
        first: f"would become {output / 'a.png'}, {other.format(second.source)}",
        second: f"would become {output / 'a.png'}, {other.format(first.source)}",
    }
    assert alone.target == output / "b.png"


def test_a_result_that_would_be_a_folder_of_others_is_no_job_to_run(tmp_path: Path, output: Path) -> None:
    make(tmp_path, "x/a.jpg", "x/a.png/b.jpg")
    batch = plan_batch([tmp_path / "x"], output, PICTURES, target_suffix=".png")
    reason = f"would become {output / 'a.png'}, which is a folder of other results; rename it"
    assert batch.clashes == {batch.jobs[0]: reason}


def test_further_files_of_a_result_replace_nothing_either(tmp_path: Path, output: Path) -> None:
    make(tmp_path / "in", "a.png", "a-2.png", "b.png")
    batch = plan_batch([tmp_path / "in"], output, PICTURES, beside=("-2", "-spread"))
    assert [job.source.name for job in batch.clashes] == ["a-2.png", "a.png"]
    assert f"would become {output / 'a-2.png'}, and so would" in batch.clashes[batch.jobs[0]]
    assert [path.name for path in batch.jobs[2].targets] == ["b.png", "b-2.png", "b-spread.png"]
    make(tmp_path, "x/c.png", "y/c-2.png")
    with pytest.raises(ValueError, match=r"c-2\.png would replace the input"):
        plan_batch([tmp_path / "x" / "c.png", tmp_path / "y" / "c-2.png"], tmp_path / "y", PICTURES, beside=("-2",))
    with pytest.raises(ValueError, match=r"`output` .*c\.png: there are several files of each input; give a folder"):
        plan_batch([tmp_path / "in" / "a.png"], tmp_path / "c.png", PICTURES, beside=("-2",))


@posix
def test_a_link_is_no_name_of_a_result(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "b.png")
    for target in ("b.png", "nowhere.png"):
        link = tmp_path / "link.png"
        link.symlink_to(target)
        with pytest.raises(ValueError, match=r"link\.png is a link, and what it leads to would be replaced; remove it"):
            plan_batch([tmp_path / "a.png"], link, PICTURES)
        link.unlink()


@posix
def test_no_folder_of_results_is_a_link(tmp_path: Path, output: Path) -> None:
    make(tmp_path, "in/sub/deep/a.png", "elsewhere/deep/a.png")
    output.mkdir()
    (output / "sub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match=r"sub is a link, and what it leads to would be replaced; remove it"):
        plan_batch([tmp_path / "in"], output, PICTURES)
    (tmp_path / "link").symlink_to(output)
    (output / "sub").unlink()
    assert len(plan_batch([tmp_path / "in"], tmp_path / "link", PICTURES).jobs) == 1  # the output itself may be one


def test_a_result_that_replaces_an_input(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "b.jpg")
    for inputs, output in (([tmp_path / "a.png"], tmp_path / "a.png"), ([tmp_path / "a.png"], tmp_path)):
        with pytest.raises(ValueError, match=r"would replace the input .*a\.png; choose another output"):
            plan_batch(inputs, output, PICTURES)


@posix
def test_a_link_does_not_hide_an_input(tmp_path: Path, output: Path) -> None:
    make(tmp_path, "in/a.png", "out/x")
    (output / "a.png").symlink_to(tmp_path / "in" / "a.png")
    with pytest.raises(ValueError, match="would replace the input"):
        plan_batch([tmp_path / "in"], output, PICTURES)


def test_no_input(tmp_path: Path, output: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(ValueError, match=r"in: no file with \.jpg or \.png; check the paths"):
        plan_batch([tmp_path / "in"], output, PICTURES)
    make(tmp_path, "in/a.txt")
    with pytest.raises(ValueError, match=r"in: no file with \.jpg or \.png, but \.txt \(1\)"):
        plan_batch([tmp_path / "in"], output, PICTURES)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        plan_batch([tmp_path / "in", tmp_path / "nowhere"], output, PICTURES)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_cannot_be_read(tmp_path: Path, output: Path) -> None:
    make(tmp_path, "in/a.png", "in/secret/b.png")
    (tmp_path / "in" / "secret").chmod(0)
    with pytest.raises(PermissionError, match="secret"):
        plan_batch([tmp_path / "in"], output, PICTURES)


# Any tree

PARTS = st.sampled_from(["a", "B", "é", ".x", "__MACOSX", "a.png"])
LEAVES = st.sampled_from(["1.png", "1.jpg", "2.JPG", "ü.png", "3.txt", ".4.png", "Thumbs.db"])
TREES = st.sets(st.builds(lambda parts, leaf: "/".join([*parts, leaf]), st.lists(PARTS, max_size=3), LEAVES))


@settings(deadline=None, max_examples=50)  # a disk keeps no time
@given(TREES, st.sampled_from([None, ".png"]))
def test_any_tree(names: set[str], target_suffix: str | None) -> None:
    with TemporaryDirectory() as place:
        folder, output = Path(place, "in"), Path(place, "in", "out")
        make(folder, "out/own.png", *names)
        expected = {
            Path(name)
            for name in names
            if Path(name).suffix.lower() in PICTURES and not any(map(is_junk, Path(name).parts))
        }
        renamed = [name if target_suffix is None else name.with_suffix(target_suffix) for name in expected]
        if not expected:
            with pytest.raises(ValueError, match="no file"):
                plan_batch([folder], output, PICTURES, target_suffix=target_suffix)
            return
        batch = plan_batch([folder], output, PICTURES, target_suffix=target_suffix)
        jobs = batch.jobs
        assert len(batch.clashes) == sum(count for count in Counter(renamed).values() if count > 1)
        assert len({job.target for job in jobs if job not in batch.clashes}) == len(jobs) - len(batch.clashes)
        assert {job.source.relative_to(folder) for job in jobs} == expected
        assert {job.target.relative_to(output) for job in jobs} == set(renamed)
        assert len(jobs) == len(expected)
        assert all(job.source.relative_to(folder).parent == job.target.relative_to(output).parent for job in jobs)


def test_what_an_earlier_run_made_beside_its_results_is_left_out(tmp_path: Path, output: Path) -> None:
    folder = make(
        tmp_path / "in", "a.png", "a-change.png", "a.json", "b.png", "b-change.png", "c-change.png", "d-2.jpg"
    )
    make(folder, "d.jpg")
    beside = ("-change.png", ".json")
    batch = plan_batch([folder], output, PICTURES, beside=beside)
    found = {job.source.name for job in batch.jobs}
    assert found == {"a.png", "b.png", "b-change.png", "c-change.png", "d.jpg", "d-2.jpg"}  # b has no .json
    assert batch.left_out["made beside others"] == 1
    given = plan_batch([folder / "a-change.png"], output, PICTURES, beside=beside)
    assert [job.source.name for job in given.jobs] == ["a-change.png"]
    again = plan_batch([folder], output, PICTURES, beside=("-2",))
    assert "d-2.jpg" not in {job.source.name for job in again.jobs}
