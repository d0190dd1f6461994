"""Every claim of the ledger stands in its notebook, word for word, and holds; neither can change alone unnoticed."""

import re
from copy import deepcopy
from dataclasses import replace

import ledger
import pytest

from cnn_course import __main__, experiments

CLAIMS = ledger.entered()
IDS = [f"{claim.notebook[:2]}: {claim.sentence[:50]}" for claim in CLAIMS]
RECORDS = sorted({claim.record for claim in CLAIMS if claim.record})


@pytest.mark.parametrize("claim", CLAIMS, ids=IDS)
def test_the_notebook_says_it_and_it_holds(claim):
    assert claim.stands, "the notebook no longer says so: change the entry, and what it asserts, with the sentence"
    try:
        claim.check()
    except ledger.NoCifar as reason:
        pytest.skip(str(reason))


def test_a_changed_word_is_noticed():
    words = CLAIMS[0].sentence.split()
    for i in range(len(words)):
        assert not replace(CLAIMS[0], sentence=" ".join([*words[:i], "…", *words[i + 1 :]])).stands


def holds(claim):
    try:
        claim.check()
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("name", RECORDS)
def test_a_run_changed_by_a_point_is_noticed(name, monkeypatch):
    """In whichever run of whichever variant the last accuracy is a point higher, some claim fails."""
    resting, kept, asked = [claim for claim in CLAIMS if claim.record == name], experiments.recorded(name), {}

    class Watched(dict):
        def __getitem__(self, label):
            asked[claim].add(label)
            return super().__getitem__(label)

    def instead(record):
        return lambda other: record if other == name else original(other)

    original = experiments.recorded
    monkeypatch.setattr(experiments, "recorded", instead(replace(kept, runs=Watched(kept.runs))))
    for claim in resting:
        asked[claim] = set()
        assert holds(claim)
    for label in kept.runs:
        concerned = sorted(resting, key=lambda claim: (label not in asked[claim], len(asked[claim])))  # the likeliest first
        for i in range(len(kept.runs[label])):
            changed = deepcopy(kept)
            run = changed.runs[label][i]
            run.rows[-1]["test_accuracy"] += 0.01
            if run.right is not None:  # a point more of the images
                right = run.right_images()
                right[(~right).nonzero()[0][: len(right) // 100]] = True
                run.keep_right(right)
            monkeypatch.setattr(experiments, "recorded", instead(changed))
            assert not all(map(holds, concerned)), f"no claim notices that run {i} of {label!r} is a point better"


def test_the_ledger_can_be_printed(capsys, monkeypatch):
    some = CLAIMS[::40]  # all of them have just been checked
    monkeypatch.setattr(ledger, "entered", lambda: some)
    assert __main__.main(["claims"]) == 0
    out = capsys.readouterr().out
    assert out.endswith(f"{len(some)} claims\n") and all(claim.sentence in out for claim in some)
    assert "95% interval" in out


def test_every_notebook_has_its_claims():
    count = {f"{number:02}": sum(claim.notebook.startswith(f"{number:02}") for claim in CLAIMS) for number in range(1, 10)}
    assert sum(count.values()) >= 150 and min(count.values()) >= 20, count


QUOTED = {  # from papers, and in questions
    "02_alexnet": {"1.7"},
    "05_inception": {"0.6", "3.4", "10.6"},
    "08_comparison": {"0.24", "0.3"},
}


@pytest.mark.parametrize("notebook", sorted({claim.notebook for claim in CLAIMS}))
def test_a_number_of_points_is_claimed_wherever_it_stands(notebook):
    """A recap that repeats a measured number must not outlive it."""
    told = set(re.findall(r"(?<![\w.])(\d+\.\d+) points", ledger.text_of(notebook)))
    claimed = set(re.findall(r"\d+\.\d+", " ".join(claim.sentence for claim in CLAIMS if claim.notebook == notebook)))
    assert told and told - claimed == QUOTED.get(notebook, set())
