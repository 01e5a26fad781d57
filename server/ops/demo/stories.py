"""Everything the company talks about; every kind of post is here, held by a test."""

from server.ops.demo.happenings import HAPPENINGS
from server.ops.demo.questions import QUESTIONS

STORIES = (*QUESTIONS, *HAPPENINGS)
