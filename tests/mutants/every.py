"""All of them."""

from __future__ import annotations

from tests.mutants.belonging import BELONGING
from tests.mutants.leading import EARLY
from tests.mutants.receiving import RECEIVING
from tests.mutants.sending import SENDING
from tests.mutants.trusting import TRUSTING
from tests.mutants.voting import VOTING

MUTANTS = (*TRUSTING, *RECEIVING, *SENDING, *BELONGING, *EARLY, *VOTING)
