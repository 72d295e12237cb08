"""``nflows privacy review``: what the page gets, what is kept of it, and that it shows nothing else."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nflows_core.runtime.files import sha256
from nflows_core.runtime.images import Picture, write_picture
from nflows_core.testing import call_command
from nflows_privacy.annotations.found import Found, read_found, write_found
from nflows_privacy.cli import privacy
from nflows_privacy.regions import Box, Region
from nflows_privacy.review import Redacting
from review_pages import Review, reviewed, save, scene

FACE = {"kind": "face", "box": [5.0, 6.0, 15.0, 26.0], "score": 1.0}
TURNED = 6  # EXIF's orientation of a picture that stands on its side


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(tmp_path / "in" / "a.png", scene())
    save(tmp_path / "in" / "b.JPG", scene(), exif=exif(TURNED))
    (tmp_path / "in" / "c").mkdir()
    write_picture(tmp_path / "in" / "c" / "deep.png", Picture(scene(channels=1).astype(np.uint16) * 257))
    return tmp_path


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x112] = orientation
    return tags


@pytest.fixture
def review(folder: Path) -> Iterator[Review]:
    with reviewed(folder) as review:
        yield review


def found_of(folder: Path, name: str) -> Found:
    return read_found(folder / "found" / f"{name}.json")


def test_the_list_has_every_picture_by_its_name(review: Review) -> None:
    pictures = review.get("/pictures")["pictures"]
    assert [one["name"] for one in pictures] == ["a.png", "b.JPG", "c/deep.png"]
    assert not any(one["seen"] or one["changed"] for one in pictures)


def test_boxes_are_on_the_disk_when_the_page_is_told_so(review: Review, folder: Path) -> None:
    assert review.get("/pictures/0")["version"] == "0"
    assert review.save(0, [FACE])[0] == 200
    found = found_of(folder, "a.png")
    assert found == Found(sha256(folder / "in" / "a.png"), 64, 48, (Region(Box(5, 6, 15, 26), "face"),))
    assert review.get("/pictures/0")["regions"] == [FACE]


def test_saying_that_there_is_nothing_makes_a_file_that_says_so(review: Review, folder: Path) -> None:
    assert review.save(2, [])[0] == 200
    assert found_of(folder, "c/deep.png").regions == ()
    assert review.get("/pictures/2")["version"] != "0"


def test_what_was_found_before_is_shown_and_edited_whatever_its_file_is_called(folder: Path) -> None:
    old = Region(Box(1, 1, 9, 9), "face", 0.7)
    for name in ("first.json", "second/copy.json"):
        path = folder / "found" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_found(path, Found(sha256(folder / "in" / "a.png"), 64, 48, (old,)))
    with reviewed(folder) as review:
        assert review.get("/pictures/0")["regions"] == [old.to_json()]
        assert review.save(0, [])[0] == 200
    # A box that stays in one of them would be redacted after all.
    assert [read_found(folder / "found" / name).regions for name in ("first.json", "second/copy.json")] == [(), ()]
    assert not (folder / "found" / "a.png.json").exists()


def test_boxes_of_another_picture_are_refused_and_left_alone(folder: Path) -> None:
    path = folder / "found" / "a.png.json"
    path.parent.mkdir()
    write_found(path, Found("0" * 64, 64, 48, (Region(Box(1, 1, 9, 9), "face"),)))
    before = path.read_bytes()
    with reviewed(folder) as review:
        status, content = review.ask("GET", "/pictures/0")
        assert (status, b"found in another file" in content) == (400, True)
        value = {"sha256": sha256(folder / "in" / "a.png"), "version": "0", "regions": []}
        assert review.ask("POST", "/pictures/0", value)[0] == 400
    assert path.read_bytes() == before


@pytest.mark.parametrize(("width", "frames"), [(63, None), (64, ((), ()))])
def test_boxes_of_a_picture_of_another_size_or_of_a_video_are_refused(folder: Path, width: int, frames: Any) -> None:
    (folder / "found").mkdir()
    digest = sha256(folder / "in" / "a.png")
    write_found(folder / "found" / "a.json", Found(digest, width, 48, (), frames))
    with reviewed(folder) as review:
        assert b"not of a picture of its size" in review.ask("GET", "/pictures/0")[1]


def test_a_picture_that_is_replaced_meanwhile_gets_no_boxes_of_the_other(review: Review, folder: Path) -> None:
    marks = review.get("/pictures/0")
    save(folder / "in" / "a.png", scene(40, 30))
    status, content = review.ask("POST", "/pictures/0", {**marks, "regions": [FACE]})
    assert (status, b"replaced" in content) == (400, True)
    assert not (folder / "found" / "a.png.json").exists()


def test_of_many_windows_that_save_at_once_one_wins_and_the_others_know(review: Review, folder: Path) -> None:
    marks = review.get("/pictures/0")
    boxes = [[{**FACE, "box": [0, 0, 10 + number, 10]}] for number in range(12)]
    statuses: dict[int, int] = {}

    def put(number: int) -> None:
        statuses[number] = review.ask("POST", "/pictures/0", {**marks, "regions": boxes[number]})[0]

    threads = [threading.Thread(target=put, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [number for number, status in statuses.items() if status == 200]
    assert sorted(statuses.values()) == [200] + [400] * 11
    assert found_of(folder, "a.png").regions[0].box.right == 10 + winners[0]


@pytest.mark.parametrize(
    "region",
    [
        {**FACE, "box": [5, 5, 5, 9]},
        {**FACE, "box": [1, 2, 3]},
        {**FACE, "box": ["1", 2, 3, 4]},
        {**FACE, "score": 2},
        {**FACE, "box": [70, 5, 80, 9]},
        {**FACE, "box": [0, 0, float("inf"), 9]},
        {**FACE, "box": [0, 0, float("nan"), 9]},
        {**FACE, "kind": ""},
        {**FACE, "kind": "a\x1b[31m"},
        {**FACE, "kind": "f" * 41},
        {**FACE, "kind": 1},
        {},
        None,
        [],
        1,
    ],
)
def test_what_is_no_box_of_the_picture_changes_nothing(review: Review, folder: Path, region: Any) -> None:
    assert review.save(0, [FACE])[0] == 200
    status, answer = review.save(0, [FACE, region])
    assert status == 400
    assert answer["error"]
    assert [one.kind for one in found_of(folder, "a.png").regions] == ["face"]


@pytest.mark.parametrize("value", [None, [], "x", {}, {"regions": []}, {"sha256": 1, "version": "0", "regions": []}])
def test_what_is_no_change_is_refused(review: Review, value: Any) -> None:
    assert review.ask("POST", "/pictures/0", value)[0] == 400


def test_more_boxes_than_are_taken_are_refused(review: Review) -> None:
    assert review.ask("POST", "/pictures/0", [FACE] * 1000)[0] == 413


def test_seen_and_changed_are_known_to_the_next_review(folder: Path) -> None:
    with reviewed(folder) as review:
        review.ask("POST", "/pictures/1/seen", {})
        review.save(0, [FACE])
    with (folder / "found" / "review.jsonl").open("ab") as file:
        file.write(b'{"event": "seen", "pict')  # a kill
    with reviewed(folder) as review:
        assert [(one["seen"], one["changed"]) for one in review.get("/pictures")["pictures"]] == [
            (False, True),
            (True, False),
            (False, False),
        ]
        assert review.get("/pictures/0")["regions"] == [FACE]
        review.ask("POST", "/pictures/2/seen", {})
    with reviewed(folder) as review:
        assert [one["seen"] for one in review.get("/pictures")["pictures"]] == [False, True, True]
    save(folder / "in" / "b.JPG", scene(40, 30))
    with reviewed(folder) as review:
        assert not review.get("/pictures")["pictures"][1]["seen"], "another picture, which nobody has seen"


def test_pictures_are_shown_upright_in_8_bits_and_boxes_count_in_them(review: Review) -> None:
    marks = review.get("/pictures/1")
    assert (marks["width"], marks["height"]) == (48, 64)
    upright = np.asarray(review.picture("/pictures/1/original"))
    assert upright.shape == (64, 48, 3)
    assert upright[:5].mean() < 40 < 200 < upright[-5:].mean(), "turned clockwise, the left side is above"
    deep = np.asarray(review.picture("/pictures/2/original").convert("L")).astype(int)
    assert np.abs(deep - scene()[..., 0]).max() <= 3


def test_a_large_picture_is_sent_smaller_and_its_parts_as_they_are(folder: Path) -> None:
    pixels = np.zeros((100, 3000, 3), np.uint8)
    pixels[:, 1500:1510] = 255
    save(folder / "in" / "a.png", pixels)
    with reviewed(folder) as review:
        assert review.get("/pictures/0")["width"] == 3000
        assert review.picture("/pictures/0/original").size == (2048, 68)
        part = np.asarray(review.picture("/pictures/0/original/1490/10/40/20").convert("L"))
        assert part.shape == (20, 40)
        assert max(part[:, :10].max(), part[:, 20:].max()) < 12
        assert part[:, 10:20].min() > 243
        assert review.ask("GET", "/pictures/0/original/2990/0/11/10")[0] == 400
        assert review.ask("GET", "/pictures/0/original/0/0/0/10")[0] == 400


@pytest.mark.parametrize(
    "path",
    [
        "/pictures/3",
        "/pictures/3/original",
        "/pictures/999999999",
        "/pictures/-1",
        "/pictures/0/../3",
        "/pictures/a.png",
        "/in/a.png",
        "/found/a.png.json",
        "/%2e%2e/secret.png",
        "/pictures/..%2f..%2fsecret.png",
        "/page/main.js",
        "/main.py",
        "/redaction",
        "/pictures/0/redacted",
    ],
)
def test_nothing_but_the_pictures_of_the_list_is_served(review: Review, folder: Path, path: str) -> None:
    save(folder / "secret.png", scene())
    for method in ("GET", "POST"):
        status, content = review.ask(method, path, {})
        assert status in (400, 404)
        assert "error" in json.loads(content)


def test_a_picture_that_a_link_takes_out_of_the_folder_is_not_shown(review: Review, folder: Path) -> None:
    save(folder / "secret.png", scene())
    (folder / "in" / "a.png").unlink()
    (folder / "in" / "a.png").symlink_to(folder / "secret.png")
    for path in ("/pictures/0", "/pictures/0/original", "/pictures/0/original/0/0/4/4"):
        status, content = review.ask("GET", path)
        assert (status, b"leads out of the folder" in content) == (400, True)


def test_a_link_in_the_place_of_a_file_of_boxes_is_not_written_through(review: Review, folder: Path) -> None:
    kept = folder / "kept.json"
    kept.write_text("kept")
    marks = review.get("/pictures/0")
    (folder / "found" / "a.png.json").symlink_to(kept)
    assert review.ask("POST", "/pictures/0", {**marks, "regions": []})[0] == 400
    outside = folder / "outside"
    outside.mkdir()
    (folder / "found" / "c").symlink_to(outside)
    assert review.ask("GET", "/pictures/2")[0] == 400
    assert (kept.read_text(), list(outside.iterdir())) == ("kept", [])


def test_a_damaged_picture_says_so_and_the_others_are_shown(review: Review, folder: Path) -> None:
    (folder / "in" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n no more")
    status, content = review.ask("GET", "/pictures/0")
    assert (status, "a.png" in json.loads(content)["error"]) == (400, True)
    assert review.get("/pictures/1")["width"] == 48


def test_the_page_and_what_it_loads_come_from_the_package_alone(review: Review) -> None:
    status, page = review.ask("GET", "/")
    assert status == 200
    assert b"http://" not in page
    assert b"https://" not in page
    for name in (
        "style.css",
        "favicon.ico",
        "ask.js",
        "boxes.js",
        "keys.js",
        "lists.js",
        "main.js",
        "redaction.js",
        "saving.js",
        "stage.js",
    ):
        status, content = review.ask("GET", f"/{name}")
        assert status == 200
        assert b"innerHTML" not in content


def test_nothing_is_shown_without_the_key_or_to_another_site(review: Review, folder: Path) -> None:
    for headers in ({"Cookie": ""}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        for path in ("/", "/pictures", "/pictures/0", "/pictures/0/original"):
            assert review.ask("GET", path, **headers)[0] == 403
        assert review.ask("POST", "/pictures/0/seen", {}, **headers)[0] == 403
    assert not (folder / "found" / "review.jsonl").exists()


def test_all_that_is_marked_goes_out_as_coco(review: Review) -> None:
    assert b"nothing is known" in review.ask("GET", "/coco")[1]
    review.save(0, [FACE, {**FACE, "kind": "plate", "score": 0.5}])
    review.save(2, [])
    coco = review.get("/coco")
    assert [(one["file_name"], one["width"], one["height"]) for one in coco["images"]] == [
        ("a.png", 64, 48),
        ("c/deep.png", 64, 48),
    ]
    assert [one["bbox"] for one in coco["annotations"]] == [[5, 6, 10, 20]] * 2
    assert [one["name"] for one in coco["categories"]] == ["face", "plate"]


def redaction(folder: Path, script: str) -> Redacting:
    return Redacting([sys.executable, "-c", script, str(folder / "out")], "nflows privacy redact", folder / "out")


def ended(review: Review) -> Any:
    for _ in range(600):
        state = review.get("/redaction")
        if not state["is_running"]:
            return state
        time.sleep(0.05)
    raise AssertionError("it does not end")


WRITES = """
import json, pathlib, shutil, sys
out = pathlib.Path(sys.argv[1]); out.mkdir(exist_ok=True)
source = out.parent / "in"
shutil.copy(source / "a.png", out / "a.png")
lines = [{"input": str(source / "a.png"), "output": "a.png", "status": "done"},
         {"input": str(source / "b.JPG"), "output": "b.png", "status": "failed", "error": "a face is left"},
         {"input": str(source / "c" / "deep.png"), "output": "../in/c/deep.png", "status": "done"}]
(out / "status.jsonl").write_text("".join(json.dumps(line) + "\\n" for line in lines))
print("\\x1b[31m2 done", file=sys.stderr); sys.exit(1)
"""


def test_the_button_runs_the_command_and_shows_what_became_of_each_picture(folder: Path) -> None:
    with reviewed(folder, redaction(folder, WRITES)) as review:
        assert b"not redacted yet" in review.ask("GET", "/pictures/0/redacted")[1]
        assert review.ask("POST", "/redaction", {})[0] == 200
        state = ended(review)
        assert (state["exit_code"], state["told"]) == (1, ["\\x1b[31m2 done"])
        assert review.picture("/pictures/0/redacted").size == (64, 48)
        assert b"a face is left" in review.ask("GET", "/pictures/1/redacted")[1]
        status, content = review.ask("GET", "/pictures/2/redacted")
        assert (status, b"not among the results" in content) == (400, True), "it leads out of the results"


def test_one_redaction_at_a_time_and_none_outlives_the_page(folder: Path) -> None:
    redacting = redaction(folder, "import time; print('begun', flush=True); time.sleep(600)")
    with reviewed(folder, redacting) as review:
        review.ask("POST", "/redaction", {})
        assert b"already" in review.ask("POST", "/redaction", {})[1]
        assert review.get("/redaction")["is_running"]
        redacting.close()
        assert ended(review)["exit_code"] == -signal.SIGTERM


def test_the_command_refuses_what_it_cannot_review(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"")
    save(tmp_path / "elsewhere" / "a.png", scene())
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "a.png").symlink_to(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    for words, said in (
        ((tmp_path / "clip.mp4", "--found", tmp_path / "found"), "videos"),
        ((tmp_path / "links", "--found", tmp_path / "found"), "only links"),
        ((tmp_path / "missing", "--found", tmp_path / "found"), "no such file"),
        ((tmp_path / "elsewhere", "--found", tmp_path / "full"), "without the mark of an nflows command"),
        ((tmp_path / "elsewhere",), "--found"),
        ((tmp_path / "elsewhere", "--found", tmp_path / "found", "--redact-with", "--how solid"), "--output"),
        ((tmp_path / "elsewhere", "--found", tmp_path / "found", "-o", tmp_path / "found"), "another one"),
    ):
        assert call_command(privacy, "review", *words) == 2
        assert said in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "elsewhere", "full", "links"]


def test_what_was_reviewed_is_not_detected_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with reviewed(folder) as review:
        review.save(0, [FACE])
    before = (folder / "found" / "a.png.json").read_bytes()
    assert call_command(privacy, "detect", folder / "in", "-o", folder / "found") == 2
    assert "was reviewed" in capsys.readouterr().err
    assert (folder / "found" / "a.png.json").read_bytes() == before


@contextmanager
def command(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The command in a process of its own, the address of its page, and the cookie that opens it."""
    program = "import signal; signal.signal(2, signal.default_int_handler); from nflows_core.cli import main; main()"
    running = subprocess.Popen(
        [sys.executable, "-u", "-c", program, "privacy", "review", "in", "--found", "found", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    with running:
        try:
            first = running.stdout.readline()
            assert first.startswith("3 pictures at http://127.0.0.1:")
            host, entrance = first.strip().split("//")[1].split("/")
            status, headers, _ = request(host, "GET", f"/{entrance}")
            assert status == 200
            yield running, host, headers["Set-Cookie"].split(";")[0]
        finally:
            running.kill()


def request(host: str, method: str, path: str, value: Any = None, cookie: str = "") -> tuple[int, Any, bytes]:
    connection = http.client.HTTPConnection(host, timeout=30)
    headers = {"Cookie": cookie, "Origin": f"http://{host}", "Content-Type": "application/json"}
    connection.request(method, path, json.dumps(value), headers)
    answer = connection.getresponse()
    found = answer.status, answer.headers, answer.read()
    connection.close()
    return found


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_a_kill_loses_nothing_and_ctrl_c_says_what_to_do_next(folder: Path) -> None:
    with command(folder) as (running, host, cookie):
        marks = json.loads(request(host, "GET", "/pictures/0", cookie=cookie)[2])
        assert request(host, "POST", "/pictures/0", {**marks, "regions": [FACE]}, cookie)[0] == 200
        running.kill()
    assert found_of(folder, "a.png").regions == (Region(Box(5, 6, 15, 26), "face"),)
    with command(folder, "-o", "out put", "--redact-with", "--how solid") as (running, host, cookie):
        assert call_command(privacy, "review", folder / "in", "--found", folder / "found") == 2, "one at a time"
        assert json.loads(request(host, "GET", "/pictures", cookie=cookie)[2])["pictures"][0]["changed"]
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
        assert (running.returncode, err) == (0, "")
        assert "next: nflows privacy redact in -o 'out put' --found found --how solid" in out
