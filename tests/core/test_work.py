"""What follows a request: notes, from whatever thread they come."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from compressors.work import Work


def test_notes_are_kept_in_order() -> None:
    work = Work()

    work.note("one")
    work.note("two")

    assert work.notes == ("one", "two")


def test_no_note_is_lost_between_threads() -> None:
    work = Work()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work.note, map(str, range(1_000))))

    assert sorted(work.notes, key=int) == [str(number) for number in range(1_000)]
