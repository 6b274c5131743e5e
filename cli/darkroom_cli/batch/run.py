"""One run of `darkroom enhance` over its pictures: it asks, uploads, follows the jobs, saves results, and tells what became of
each picture. It must not decide which files are sent; `batch` does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from darkroom.model import JobStatus, job_id_of
from darkroom_cli.batch import earlier_uploads, live_view, report, uploading
from darkroom_cli.batch.earlier_uploads import Standing
from darkroom_cli.batch.result_folder import NotSaved, ResultFolder
from darkroom_cli.batch.screening import READERS, Fate, Picture, Screening
from darkroom_cli.console import bars, errors, exit_codes, terminal
from darkroom_cli.console.confirmation import agree
from darkroom_cli.console.errors import say
from darkroom_cli.console.machine_output import print_json_lines
from darkroom_cli.costs import budget_room, copies, price_words
from darkroom_cli.costs.plan_report import Report
from darkroom_cli.stack import batch_reader
from darkroom_cli.stack.batch_reader import has_ended

if TYPE_CHECKING:
    from darkroom.model import Job
    from darkroom_cli.batch.picked_files import Picked
    from darkroom_cli.costs.forecast import Forecast
    from darkroom_cli.stack.deployment import Deployment

PAID_AGAIN = {
    "sent before, and paid again": (Standing.SAME,),
    "sent before with other settings, and paid again; the new results replace the earlier ones": (
        Standing.OTHER_SETTINGS,
    ),
    "in the place of another picture": (Standing.OTHER_PICTURE,),
}
UNASKED = 20  # the command asks before it pays for more pictures than this
UNANSWERED = "S3 may have all of it and has not answered; {} finds out"
REPLACED = "another upload took its place at once; `darkroom jobs` shows both"
SAME_COMMAND, WITHOUT_AGAIN = "the same command again", "the same command without --again"
COME_BACK = "The same command again follows them, and sends only what was not sent."
COME_BACK_AFTER_AGAIN = (
    "The same command without --again follows them, and sends only what was not sent; --again pays for all once more."
)


@dataclass
class BatchRun:
    """A run. Calling it returns the exit code. `carriers` are the tags and the metadata that carry the settings."""

    deployed: Deployment
    carriers: tuple[Mapping[str, str], Mapping[str, str]]
    folder: ResultFolder | None
    follows: bool
    as_json: bool
    again: bool = False  # whether the same command would send and pay for everything once more
    _pictures: dict[str, Picture] = field(default_factory=dict)  # key → picture, in the order of the keys

    def __call__(self, picked: Picked, screen: Screening, yes: bool) -> int:
        """Screen the files, ask, send, follow and report. After Ctrl-C, and after an error that comes later than the first
        upload, say how to come back."""
        self._say_what_is_left_out(picked)
        self._keep(screen(picked.files))
        self._keep(Picture(file, Fate.REFUSED, message=why) for file, why in picked.unusable)
        self._announce(yes)
        try:
            self._send()
            if self.follows:
                self._follow()
        except KeyboardInterrupt:
            self._say_how_to_come_back("interrupted")
            return exit_codes.INTERRUPTED
        except Exception as error:
            if not self._of(Fate.SENT, Fate.PERHAPS_SENT, Fate.KNOWN):
                raise
            return self._stopped_by(error)
        finally:
            if self.as_json:
                print_json_lines(map(report.as_object, self.pictures))
        return self._close()

    @property
    def pictures(self) -> list[Picture]:
        """The pictures as they are now."""
        return list(self._pictures.values())

    @property
    def _same_command(self) -> str:
        """The words for the command that pays for nothing twice."""
        return WITHOUT_AGAIN if self.again else SAME_COMMAND

    @property
    def _followed(self) -> list[Picture]:
        return [picture for picture in self._of(Fate.SENT, Fate.KNOWN) if picture.job_id]

    def _keep(self, pictures: Iterable[Picture]) -> None:
        self._pictures |= {picture.file.key: picture for picture in pictures}

    def _of(self, *fates: Fate) -> list[Picture]:
        return [picture for picture in self.pictures if picture.fate in fates]

    def _say(self, line: str) -> None:
        if not self.as_json:
            say(line)

    def _say_what_is_left_out(self, picked: Picked) -> None:
        for line in picked.left_out:
            self._say(line)
        if picked.results:
            what = "is a result" if picked.results == 1 else "are results"
            self._say(f"left out: {_files(picked.results)} that {what}")
        for path in picked.folder_files:
            self._say(f"not uploaded: {path}; what counts is the darkroom.toml in the input bucket")

    def _announce(self, yes: bool) -> None:
        """Say what is sent and what it costs, and ask before many are."""
        to_send, known = self._of(Fate.TO_SEND), self._of(Fate.KNOWN)
        if known:
            self._say(f"sent before, and not paid again: {_files(len(known))}")
        for line in report.not_sent(self.pictures):
            self._say(line)
        if not to_send:
            return
        standing = Counter(picture.earlier.standing for picture in to_send if picture.earlier)
        for words, kinds in PAID_AGAIN.items():
            if count := sum(standing[kind] for kind in kinds):
                self._say(f"{words}: {_files(count)}")
        for line in copies.lines(report.same_bytes(to_send)):
            self._say(line)
        forecasts = [picture.forecast for picture in to_send if picture.forecast]
        self._say_what_does_not_fit(forecasts)
        price = price_words.price_of(forecasts)
        if len(to_send) > UNASKED and not yes:
            agree(f"Send {price}?", yes, "nothing was sent")
        else:
            self._say(f"to send: {price}")

    def _say_what_does_not_fit(self, forecasts: Sequence[Forecast]) -> None:
        """Say which budget of the month is too small for all pictures. Submit then refuses the rest, unpaid."""
        asked, quote = Report(forecasts, ()), self.deployed.container.quote
        month = f"{self.deployed.clock():%Y-%m}"
        for room in budget_room.rooms(self.deployed.operator_ledger, quote.limits, month, asked.credits, asked.usd):
            if not room.fits:
                left, unit = terminal.amount(room.left), "USD" if room.unit == budget_room.USD else room.unit
                self._say(f"the limit of {month} leaves {left} {unit}: what does not fit is refused, unpaid")

    def _send(self) -> None:
        parcels = [self._parcel(picture) for picture in self._of(Fate.TO_SEND)]
        if not parcels:
            return
        self._keep(replace(picture, fate=Fate.NOT_SENT) for picture in self._of(Fate.TO_SEND))
        s3, bucket, begun = self.deployed.client("s3"), self.deployed.input_bucket, list[uploading.FileUpload]()
        try:
            with bars.moving("uploading", sum(_size(parcel) for parcel in parcels)) as moved:
                uploading.send(s3, bucket, parcels, moved, begun)
        finally:
            self._keep(self._after(self._pictures[upload.parcel.key], upload) for upload in begun)
        self._find_jobs([self._pictures[upload.parcel.key] for upload in begun if upload.leaves_job_open])

    def _parcel(self, picture: Picture) -> uploading.Parcel:
        tags, metadata = self.carriers
        condition = picture.earlier.condition if picture.earlier else {}
        return uploading.Parcel(picture.file.path, picture.file.key, picture.mark, tags, metadata, condition)

    def _after(self, picture: Picture, upload: uploading.FileUpload) -> Picture:
        """Return the picture with what is known of its upload, and with the id of its job if S3's answer gives it."""
        fate, version = Fate(upload.outcome.value), upload.version_id
        message = upload.problem or (UNANSWERED.format(self._same_command) if fate is Fate.PERHAPS_SENT else "")
        job_id = job_id_of(self.deployed.input_bucket, picture.file.key, version) if version else None
        return replace(picture, fate=fate, job_id=job_id, message=message)

    def _find_jobs(self, pictures: Sequence[Picture]) -> None:
        """Look into the bucket for what S3's answers did not say: the jobs of a bucket without versions, and whether a key that
        another upload got has the same picture. It has where only the answer to this command's first try was lost."""
        sources, bucket = self.deployed.container.adapters.sources, self.deployed.input_bucket

        def found(picture: Picture) -> Picture:
            earlier = earlier_uploads.look(sources, bucket, picture.file.key, picture.mark)
            if earlier.standing is Standing.SAME and earlier.source:
                fate = Fate.SENT if picture.fate is Fate.SENT else Fate.KNOWN
                return replace(picture, fate=fate, job_id=earlier.source.job_id, message="")
            return replace(picture, message=picture.message or REPLACED)

        with ThreadPoolExecutor(READERS) as readers:
            self._keep(readers.map(found, pictures))

    def _follow(self) -> None:
        """Show the jobs and save results until all jobs have ended. Raises KeyboardInterrupt."""
        keys = {picture.job_id: picture.file.key for picture in self._followed if picture.job_id}
        reader = batch_reader.reader_of(self.deployed.operator_ledger, self.deployed.input_bucket, keys)

        def between_looks(seconds: float) -> None:
            self._take(reader.jobs)
            batch_reader.pause(seconds)

        if keys and not self.as_json:
            live_view.watch(reader, self.deployed.clock, until_ended=True, sleep=between_looks)
        while keys and self.as_json:
            reader.look(self.deployed.clock())
            if all(map(has_ended, reader.jobs.values())):
                break
            between_looks(live_view.LOOK_SECONDS)
        self._take(reader.jobs)

    def _take(self, jobs: Mapping[str, Job]) -> None:
        """Keep the jobs as they are now, and save the results that are there."""
        for picture in self.pictures:
            job = jobs.get(picture.job_id or "")
            if job is not None and batch_reader.exists(job):
                picture = replace(picture, job=job)
                self._keep([picture])
                if self.folder and _is_completed(job) and not picture.result and not picture.message:
                    self._keep([self._saved(picture, self.folder)])

    def _saved(self, picture: Picture, folder: ResultFolder) -> Picture:
        if picture.job is None:
            return picture
        try:
            return replace(picture, result=folder.save(picture.job))
        except NotSaved as problem:
            return replace(picture, message=f"the result is paid, but not saved: {problem}")

    def _stopped_by(self, error: Exception) -> int:
        """Tell the error and how to come back, and return the exit code. An error that nobody foresaw is raised again."""
        sentence, _ = errors.told(error) or ("", 0)
        if sentence:
            say(sentence, err=True)
        self._say_how_to_come_back("stopped")
        if not sentence:
            raise error
        return exit_codes.REPEAT

    def _say_how_to_come_back(self, why: str) -> None:
        begun = self._of(Fate.SENT, Fate.KNOWN)
        over = sum(has_ended(picture.job) for picture in begun)
        perhaps, left = len(self._of(Fate.PERHAPS_SENT)), len(self._of(Fate.NOT_SENT))
        counts = [f"{over} are over", f"{len(begun) - over} go on without this command"]
        counts += [f"{perhaps} may have been sent"] if perhaps else []
        counts += [f"{left} were not sent"] if left else []
        say(f"{why}: {', '.join(counts)}. {COME_BACK_AFTER_AGAIN if self.again else COME_BACK}", err=True)

    def _close(self) -> int:
        """Tell what was reached, and return the exit code."""
        if not self.follows:
            sent = self._of(Fate.SENT)
            if sent:
                same = f"{WITHOUT_AGAIN}," if self.again else "the same command"
                self._say(f"{len(sent)} sent; {same} with --watch follows them, with --out DIR brings the results")
            for picture in self._of(Fate.NOT_SENT):
                self._say(report.one_line(picture))
            whole = all(picture.fate in (Fate.SENT, Fate.KNOWN) for picture in self.pictures)
            return exit_codes.DONE if whole else exit_codes.REPEAT
        for line in report.sums(self.pictures, self._same_command):
            self._say(line)
        return exit_codes.DONE if all(map(report.reached, self.pictures)) else exit_codes.REPEAT


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _size(parcel: uploading.Parcel) -> int:
    try:
        return parcel.size_bytes
    except OSError:
        return 0


def _is_completed(job: Job | None) -> bool:
    return job is not None and job.status is JobStatus.COMPLETED
