import random
from functools import partial

from safelight_api.cache import MAX_REPLACED, Cache
from safelight_api.projections import Upload
from tests.api import making
from tests.api.making import an_id, condition

QUEUED = condition("Succeeded", "Unknown", "Queued")
RUNNING = condition("Succeeded", "Unknown", "Running")
FAILED = condition("Succeeded", "False", "CorruptImage")


def progress_of(cache: Cache, upload_id: str) -> object:
    """Return where an upload stands, or that there is none."""
    state = cache.state(upload_id)
    return (state.progress or state.failure) if isinstance(state, Upload) else state


def test_an_older_state_never_replaces_a_newer_one() -> None:
    """Lists, watches and own reads arrive in any order."""
    cache, name = Cache(), an_id()
    cache.uploads.observed(making.upload(name, 12, RUNNING))
    cache.uploads.changed(making.upload(name, 10, QUEUED))
    assert progress_of(cache, name) == "Running"
    cache.uploads.replace([making.upload(name, 10, QUEUED)], 11)
    assert progress_of(cache, name) == "Running"
    cache.uploads.observed(making.upload(name, 9, QUEUED))
    assert progress_of(cache, name) == "Running"
    cache.uploads.changed(making.upload(name, 13, FAILED))
    assert progress_of(cache, name) == "CorruptImage"


def test_an_answer_that_was_overtaken_by_the_deletion_brings_nothing_back() -> None:
    cache, name = Cache(), an_id()
    cache.uploads.changed(making.upload(name, 10))
    cache.uploads.deleted(name, 12)
    cache.uploads.observed(making.upload(name, 11))
    assert cache.state(name) is None
    assert (len(cache.all_uploads), len(cache.pending), cache.pending.waiting) == (0, 0, 0)


def test_what_a_read_found_absent_stays_absent_although_the_watch_is_behind() -> None:
    cache, name = Cache(), an_id()
    cache.uploads.replace([], 5)
    cache.uploads.missed(name, 20)
    for revision in (10, 11):
        cache.uploads.changed(making.upload(name, revision))
        assert cache.state(name) is None
    cache.uploads.replace([making.upload(name, 11)], 15)
    assert cache.state(name) is None
    cache.uploads.deleted(name, 18)
    cache.uploads.changed(making.upload(name, 25))
    assert cache.state(name) is not None, "a later object of the name is another one"


def test_a_read_that_is_behind_the_watch_takes_nothing_away() -> None:
    cache, name = Cache(), an_id()
    cache.uploads.changed(making.upload(name, 10))
    cache.uploads.missed(name, 9)
    assert cache.state(name) is not None


def test_a_list_takes_away_what_was_deleted_while_nobody_watched() -> None:
    cache, kept, gone, created = Cache(), an_id(), an_id(), an_id()
    cache.uploads.replace([making.upload(kept, 3), making.upload(gone, 4)], 5)
    cache.uploads.observed(making.upload(created, 30))
    cache.uploads.replace([making.upload(kept, 3)], 20)
    assert cache.state(kept) is not None
    assert cache.state(gone) is None
    assert cache.state(created) is not None, "created after the list"
    assert cache.all_uploads.newest(0, 10) == [created, kept]


def test_after_a_restored_backup_only_the_list_is_believed() -> None:
    cache, before, after = Cache(), an_id(), an_id()
    cache.uploads.replace([making.upload(before, 90)], 100)
    cache.uploads.missed(after, 120)
    cache.uploads.replace([making.upload(after, 40)], 50)
    assert (cache.state(before), cache.uploads.revision) == (None, 50)
    assert cache.state(after) is not None
    cache.uploads.changed(making.upload(before, 51))
    assert cache.state(before) is not None


def test_an_image_counts_once_it_is_confirmed() -> None:
    cache, name = Cache(), an_id()
    cache.uploads.changed(making.upload(name, 1, RUNNING))
    cache.images.changed(making.image(name, 2, ready=False))
    assert progress_of(cache, name) == "Running"
    assert len(cache.ready_images) == 0
    ready = making.image(name, 3)
    cache.images.changed(ready)
    assert cache.state(name) is ready
    assert cache.ready_images.newest(0, 10) == [name]


def test_an_upload_whose_image_came_and_went_is_not_seen_again() -> None:
    """The watch of the uploads may be behind that of the images."""
    cache, name = Cache(), an_id()
    cache.uploads.changed(making.upload(name, 1, RUNNING, uid="first"))
    cache.images.changed(making.image(name, 3, upload_uid="first"))
    cache.images.deleted(name, 9)
    assert cache.state(name) is None
    cache.uploads.changed(making.upload(name, 2, QUEUED, uid="first"))
    assert cache.state(name) is None


def test_an_upload_whose_unconfirmed_image_goes_is_still_seen() -> None:
    cache, name = Cache(), an_id()
    cache.uploads.changed(making.upload(name, 1, uid="first"))
    cache.images.changed(making.image(name, 3, ready=False, upload_uid="first"))
    cache.images.deleted(name, 9)
    assert cache.state(name) is not None


def test_the_memory_of_replaced_uploads_is_bounded() -> None:
    cache = Cache()
    for number in range(MAX_REPLACED + 5):
        name = an_id()
        cache.images.changed(making.image(name, 2 * number + 1, upload_uid=str(number)))
        cache.images.deleted(name, 2 * number + 2)
    assert len(cache._replaced) == MAX_REPLACED  # noqa: SLF001 - a bound that only shows inside


def test_newest_first_and_how_many_are_ahead() -> None:
    cache = Cache()
    times = [f"2025-01-01T12:00:{second:02}Z" for second in (5, 1, 3, 3)]
    names = [an_id() for _ in times]
    for number, (name, time) in enumerate(zip(names, times, strict=True)):
        cache.uploads.changed(making.upload(name, number + 1, QUEUED, created_at=time))
    oldest_first = [names[1], names[2], names[3], names[0]]
    assert cache.all_uploads.newest(0, 10) == oldest_first[::-1]
    assert cache.all_uploads.newest(1, 2) == oldest_first[::-1][1:3]
    assert cache.all_uploads.newest(4, 2) == []
    assert cache.all_uploads.newest(100, 2) == []
    for place, name in enumerate(oldest_first):
        upload = cache.uploads.get(name)
        assert upload is not None
        assert cache.pending.ahead(upload) == place
    cache.uploads.changed(making.upload(names[1], 50, RUNNING, created_at=times[1]))
    cache.uploads.changed(making.upload(names[2], 51, FAILED, created_at=times[2]))
    assert (len(cache.all_uploads), len(cache.pending), cache.pending.waiting) == (4, 3, 2)


def test_indexes_agree_with_the_objects_after_any_history() -> None:
    seed = random.randrange(2**32)  # noqa: S311 - a test's choice
    dice = random.Random(seed)  # noqa: S311 - a test's choice
    cache, names, revision = Cache(), [an_id() for _ in range(5)], 0
    store = cache.uploads
    for _ in range(3000):
        revision += dice.randrange(1, 3)
        name, at = dice.choice(names), max(1, revision - dice.randrange(6))
        made = making.upload(name, at, dice.choice([QUEUED, RUNNING, FAILED]))
        events = [
            partial(store.changed, made),
            partial(store.observed, made),
            partial(store.deleted, name, at),
            partial(store.missed, name, at),
            partial(store.replace, [made], at),
        ]
        dice.choice(events)()
        known = [upload for name in names if (upload := cache.uploads.get(name)) is not None]
        assert sorted(cache.all_uploads.newest(0, 99)) == sorted(u.id for u in known), seed
        assert len(cache.pending) == sum(u.failure is None for u in known), seed
        assert cache.pending.waiting == sum(u.progress == "Queued" for u in known), seed
