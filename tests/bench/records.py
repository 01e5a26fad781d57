"""The two real archives as import records, when ../shared/data lies beside the checkout."""

from pathlib import Path

from server.domain.import_records import ImportRecord
from server.ops.importing.archives import Names, read
from server.ops.importing.report import Report

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
ARCHIVES = {"zulip": SHARED / "ncar-zulip", "stackexchange": SHARED / "se-bicycles-meta"}


def archive_records() -> tuple[list[ImportRecord], str] | None:
    """Every record of both archives, in the order the converters give them."""
    if not all(folder.is_dir() for folder in ARCHIVES.values()):
        return None
    records: list[ImportRecord] = []
    for kind, folder in ARCHIVES.items():
        records += read(kind, [folder], Names(), Report())
    return records, "ncar-zulip and se-bicycles-meta"
