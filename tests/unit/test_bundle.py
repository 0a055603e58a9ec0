"""``fr bundle``: what is in the zip, that its page needs nothing else, and that its Markdown fits 80 columns."""

import io
import json
import runpy
import shutil
import sys
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from fr_recorder.keys import keys_of_store
from fr_recorder.store import read_format
from fr_replay.bundling.document import Facts, Grid, Lane, Note, Passage, Report, Section
from fr_replay.bundling.markdown import COLUMNS, report_as_markdown
from fr_replay.bundling.page import report_as_html
from fr_replay.cli.main import main

sys.path.insert(0, str(Path(__file__).resolve().parent))

from incident_stores import Habits, Traffic

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = "019b796dd60070008000000000000000"
NASTY = "</pre><script>fetch('https://evil.example')</script><img src=x onerror=alert(1)> \x00\ud800 `#` **x**"


class SelfContained(HTMLParser):
    """Fails at anything that a browser would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert tag not in {"script", "link", "img", "iframe", "object", "embed", "base", "form", "audio", "video", "svg"}, tag
        for name, value in attrs:
            assert not name.startswith("on"), name
            assert name not in {"src", "srcset", "action", "formaction", "poster", "background"}, name
            assert name != "href" or str(value).startswith("#"), value

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "style":
            assert "url(" not in data
            assert "@import" not in data


def checked(page: str) -> SelfContained:
    """The page, after a parser went through it."""
    parser = SelfContained()
    parser.feed(page)
    assert "Content-Security-Policy" in page
    assert "prefers-color-scheme: dark" in page
    return parser


@pytest.fixture
def golden(tmp_path: Path) -> str:
    """A copy of the golden store: everything there is, sealed and signed."""
    return str(shutil.copytree(ROOT / "tests/golden/format-1/sealed", tmp_path / "store"))


def bundled(store: str, trace: str, *options: str) -> dict[str, bytes]:
    """The files of a bundle by name."""
    path = str(Path(store).parent / "incident.zip")
    assert main(["--store", store, "bundle", trace, "-o", path, *options]) == 0
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_bundle_holds_report_rows_content_proofs_and_environment(golden: str) -> None:
    """Every file is there, and the Parquet files hold the trace and the parts that it names."""
    files = bundled(golden, GOLDEN)
    assert {"report.html", "report.md", "trace/events.parquet", "trace/content.parquet", "environment.json"} <= files.keys()
    events = pq.read_table(io.BytesIO(files["trace/events.parquet"]))
    assert set(events.column("run_id").to_pylist()) | set(events.column("trace_id").to_pylist()) >= {bytes.fromhex(GOLDEN)}
    parts = pq.read_table(io.BytesIO(files["trace/content.parquet"])).column("blob_id").to_pylist()
    assert len(parts) == len(set(parts)) > 10
    assert json.loads(files["environment.json"])["run"]["argv"][0] == "python3"
    names = {Path(name).stem for name in files if name.startswith("proofs/")}
    assert {part.hex() for part in parts} <= names
    assert {row.hex() for row in events.column("record_id").to_pylist()} <= names


def test_a_proof_of_a_bundle_checks_without_fr(golden: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script of the documentation, which uses nothing of this project, accepts it."""
    files = bundled(golden, GOLDEN)
    proof = tmp_path / "proof.json"
    proof.write_bytes(next(data for name, data in files.items() if name.startswith("proofs/")))
    monkeypatch.setattr(sys, "argv", ["check_proof.py", str(proof)])
    try:
        runpy.run_path(str(ROOT / "docs/check_proof.py"), run_name="__main__")
    except SystemExit as ended:
        assert ended.code in (None, 0)


def test_page_is_self_contained_and_tells_what_happened(golden: str) -> None:
    """It fetches nothing, and says what failed, what was asked and answered, and where the record has a gap."""
    page = bundled(golden, GOLDEN)["report.html"].decode()
    checked(page)
    for text in (
        "refund",
        "Be brief.",
        "the queue to the writer is full",
        "What can be proved",
        "Redaction",
        "golden-1-2026-01-01",
        "no order",
    ):
        assert text in page, text


def test_markdown_fits_80_columns(golden: str) -> None:
    """No line is longer, but for one word that cannot be broken."""
    text = bundled(golden, GOLDEN)["report.md"].decode()
    assert [line for line in text.splitlines() if len(line) > COLUMNS and len(line.split()) > 1] == []
    assert "## What happened, in order" in text


def test_the_same_trace_makes_the_same_bytes(golden: str) -> None:
    """So two people can compare what they have."""
    first = bundled(golden, GOLDEN)
    assert [name for _ in range(5) for name, data in bundled(golden, GOLDEN).items() if data != first[name]] == []


def test_markup_in_the_record_stays_text() -> None:
    """Whatever a model wrote is shown, and does nothing."""
    blocks = (Facts(((NASTY, NASTY),)), Grid((NASTY, "b"), ((NASTY, NASTY),), lanes=(Lane(2.0, -1.0),)), Passage(NASTY, NASTY), Note(NASTY))
    report = Report(NASTY, NASTY, (Section(NASTY, blocks),))
    parser = checked(report_as_html(report))
    assert "script" not in parser.tags
    assert "\n<script" not in report_as_markdown(report)


def test_what_todays_rules_find_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With --redacted a part with an address in it is in neither report nor content, and the report says so."""
    monkeypatch.setenv("FR_KEYS", str(tmp_path / "keys"))
    traffic = Traffic(seed=1, traces=1)
    traffic.at = lambda share: Habits(prompt="Write to ann.smith@example.org.")
    store = traffic.write(tmp_path)
    assert keys_of_store(read_format(store).store_id) is not None
    plain = bundled(store, "last")
    assert "ann.smith@example.org" in plain["report.html"].decode()
    capsys.readouterr()
    scanned = bundled(store, "last", "--redacted")
    assert "1 part scanned again: 1 left out (email)" in capsys.readouterr().err
    everything = b"".join(scanned.values())
    assert b"ann.smith" not in everything
    assert pq.read_table(io.BytesIO(scanned["trace/content.parquet"])).num_rows == 0
    assert b"left out, email" in scanned["report.html"]


def test_without_the_key_nothing_is_scanned(golden: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said, with the way out, and no file is written."""
    monkeypatch.setenv("FR_KEYS", str(Path(golden).parent / "nowhere"))
    out = Path(golden).parent / "x.zip"
    assert main(["--store", golden, "bundle", GOLDEN, "-o", str(out), "--redacted"]) == 2
    assert "needs the key" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("output", "said"), [("incident.tar", "not the name of a zip file"), ("no/such/folder/x.zip", "there is no folder")]
)
def test_bad_output_is_refused(golden: str, output: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit code 2."""
    assert main(["--store", golden, "bundle", GOLDEN, "-o", output]) == 2
    assert said in capsys.readouterr().err
